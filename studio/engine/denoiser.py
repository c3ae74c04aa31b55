"""From noisy latents to denoised ones by one call of a UNet: input scaling, timesteps, and what the network predicts.

It owns the parametrisation of Stable Diffusion 1.x and 2.x. Every sample of a call has its own noise level, because a
UNet takes one timestep per sample. Guidance is put together here too, as it is arithmetic on answers. It refuses to
know samplers and prompts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from studio.engine.seamless import seamless
from studio.recipe.model import Tiling
from studio.sampling.noise_schedule import NoiseSchedule

PREDICTIONS = ("epsilon", "v_prediction")


class Denoiser:
    """A UNet with its noise schedule. ``prediction`` is one of `PREDICTIONS`, ``dtype`` that of its weights."""

    def __init__(self, unet: Any, noise_schedule: NoiseSchedule, prediction: str, dtype: torch.dtype) -> None:
        self.unet = unet
        self.noise_schedule = noise_schedule
        self.prediction = prediction
        self.dtype = dtype

    def __call__(
        self,
        x: Tensor,
        sigmas: Sequence[float],
        context: Tensor,
        extra: Tensor | None = None,
        added: Mapping[str, Tensor] | None = None,
        tiling: Tiling = Tiling.OFF,
    ) -> Tensor:
        """The denoised latents, shaped like ``x``, float32.

        ``x`` is (samples, 4, height / 8, width / 8), float32, clean latents plus noise of standard deviation sigma;
        ``sigmas`` has one entry a sample; ``context`` is (samples, tokens, width). ``extra`` (samples, 5, height / 8,
        width / 8) is the mask and the masked picture's latents for an inpainting UNet of 9 input channels; ``added``
        are the further conditions of Stable Diffusion XL.
        """
        levels = torch.tensor(sigmas, dtype=torch.float64)
        timesteps = self.noise_schedule.timestep(levels).to(x.device, torch.float32)
        sigma = levels.to(x.device, torch.float32).reshape(-1, 1, 1, 1)
        # Variance-exploding to variance-preserving input: c_in of Karras et al. 2022, table 1 (VP column), sigma_data
        # = 1.
        scale = (sigma * sigma + 1).rsqrt()
        scaled = x * scale
        if extra is not None:
            # Latents, mask, masked latents, in this order (diffusers, StableDiffusionInpaintPipeline.__call__).
            scaled = torch.cat([scaled, extra], dim=1)
        scaled = scaled.to(self.dtype).contiguous(memory_format=torch.channels_last)
        with seamless(self.unet, tiling):
            output: Tensor = self.unet(
                scaled, timesteps, encoder_hidden_states=context, added_cond_kwargs=added, return_dict=False
            )[0].float()
        if self.prediction == "epsilon":
            # x = x0 + sigma * epsilon (Karras et al. 2022, table 1: c_skip = 1, c_out = -sigma).
            return x - output * sigma
        # v = alpha * epsilon - sigma_vp * x0 (Salimans and Ho 2022, appendix D), with alpha = scale, sigma_vp = sigma
        # * scale.
        return x * (scale * scale) - output * (sigma * scale)


def guided(unconditional: Tensor, conditionals: Sequence[tuple[float, Tensor]], guidance_scale: float) -> Tensor:
    """Classifier-free guidance over weighted conditions: u + s * sum(w_i * (c_i - u)).

    Ho and Salimans 2022, equation 6; for several conditions Liu et al. 2022 (arXiv:2206.01714), equation 11.
    """
    result = unconditional
    for weight, conditional in conditionals:
        result = torch.add(result, conditional - unconditional, alpha=guidance_scale * weight)
    return result
