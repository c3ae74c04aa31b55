"""From latents to pixels by the checkpoint's autoencoder, never to a picture that is not one.

It owns the retry in a wider number format: float16 autoencoders overflow on some latents (a black picture,
elsewhere), so a decoding with NaN or infinity is done again in bfloat16 and then float32, for that picture only. It
refuses to answer with anything that is not finite.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from studio.engine.placement import Placement
from studio.errors import Unstable
from studio.recipe.events import Pixels

_WIDER: dict[torch.dtype, tuple[torch.dtype, ...]] = {
    torch.float16: (torch.bfloat16, torch.float32),
    torch.bfloat16: (torch.float32,),
    torch.float32: (),
}


@dataclass(frozen=True, eq=False)
class Decoded:
    """A picture: ``rgb`` is (3, height, width), float32, 0 to 1. ``retried_in`` names the number format if it took
    another.
    """

    rgb: Tensor
    retried_in: str | None = None


class Decoder:
    """The decoding (and, for fitting previews, encoding) half of an autoencoder."""

    def __init__(self, vae: Any, placement: Placement) -> None:
        self._vae = vae
        self._placement = placement
        self._scale = float(vae.config["scaling_factor"])
        self._shift = float(vae.config.get("shift_factor") or 0.0)

    def __call__(self, latents: Tensor) -> Decoded:
        """Decode one picture's latents, (4, height / 8, width / 8), float32.

        Raises:
            Unstable: latents or picture hold NaN or infinity in every number format.
        """
        if not bool(torch.isfinite(latents).all()):
            raise Unstable(
                "The picture turned into NaN before it was decoded. Try a lower guidance scale or more steps."
            )
        dtype = next(self._vae.parameters()).dtype
        rgb = self._decode(self._vae, latents, dtype)
        if rgb is not None:
            return Decoded(rgb)
        for wider in _WIDER[dtype]:
            # A copy: a round trip of the weights through bfloat16 would lose some of their bits for good.
            rgb = self._decode(copy.deepcopy(self._vae).to(wider), latents, wider)
            if rgb is not None:
                return Decoded(rgb, str(wider).removeprefix("torch."))
        raise Unstable(
            "The autoencoder made no finite picture of these latents in any number format. "
            "Try another checkpoint: this one's autoencoder is probably damaged."
        )

    def encode(self, rgb: Tensor) -> Tensor:
        """The mean latents of pictures: (n, 3, height, width), 0 to 1, to (n, 4, height / 8, width / 8), float32."""
        dtype = next(self._vae.parameters()).dtype
        inputs = (rgb * 2 - 1).to(self._placement.device, dtype).contiguous(memory_format=torch.channels_last)
        mean: Tensor = self._vae.encode(inputs).latent_dist.mean.float()
        return (mean - self._shift) * self._scale

    @property
    def device(self) -> torch.device:
        return self._placement.device

    def _decode(self, vae: Any, latents: Tensor, dtype: torch.dtype) -> Tensor | None:
        inputs = (latents / self._scale + self._shift).to(dtype)[None].contiguous(memory_format=torch.channels_last)
        output = vae.decode(inputs, return_dict=False)[0][0].float()
        return (output / 2 + 0.5).clamp(0, 1) if bool(torch.isfinite(output).all()) else None


def to_pixels(rgb: Tensor) -> Pixels:
    """A picture (3, height, width), float, 0 to 1, as bytes, rounded to the nearest."""
    levels = (rgb * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu()
    height_px, width_px = levels.shape[:2]
    return Pixels(width_px, height_px, levels.numpy().tobytes())
