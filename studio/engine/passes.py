"""One pass of a picture through the network: the recipe it follows, where it starts, and what it must leave alone.

A first pass may start from noise or from a source, a second pass starts from the first one's picture. It owns how many
steps a denoising strength means, and how an inpainting's answer keeps what is not masked. It calls no network.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from studio.recipe.model import ResolvedRecipe


def steps_run(steps: int, strength: float) -> int:
    """How many of ``steps`` a denoising strength runs: none at 0, all at 1, else A1111's count, int(strength * steps)
    + 1.
    """
    if strength <= 0:
        return 0
    return steps if strength >= 1 else min(int(strength * steps) + 1, steps)


@dataclass(frozen=True, eq=False)
class Masked:
    """What a pass leaves alone. ``weight`` (1, height / 8, width / 8), float32, is 1 where to paint and 0 where to
    keep; ``kept`` (4, height / 8, width / 8) are the source's latents.

    ``is_soft``: shares between 0 and 1 say how late a cell is let go, so that it changes less.
    """

    weight: Tensor
    kept: Tensor
    is_soft: bool = False

    def blended(self, denoised: Tensor, done: float) -> Tensor:
        """A denoised picture, ([2,] 4, height / 8, width / 8), with the source where it is kept; ``done`` is the share
        of the steps that is behind.
        """
        # Differential Diffusion (Levin and Fried 2023, arXiv:2306.00950, algorithm 1): a cell of share w is painted
        # over the last w of the steps, and follows the source's own path before.
        weight = (self.weight > 1 - done - 1e-6).to(denoised.dtype) if self.is_soft else self.weight
        return torch.lerp(self.kept.expand_as(denoised), denoised, weight.expand_as(denoised))


@dataclass(frozen=True, eq=False)
class Pass:
    """``recipe`` is what this pass goes by: its own size, prompts, sampler, steps and guidance, and the denoising
    strength at which it leaves ``start``, clean latents (4, height / 8, width / 8), or ``None`` to begin from noise.

    ``extra`` (5, height / 8, width / 8) is what an inpainting network sees beside the latents: the mask, then the
    latents of the picture with the masked part grey.
    """

    recipe: ResolvedRecipe
    start: Tensor | None = None
    masked: Masked | None = None
    extra: Tensor | None = None

    @property
    def steps(self) -> int:
        """The steps that are run."""
        return self.recipe.steps if self.start is None else steps_run(self.recipe.steps, self.recipe.denoising_strength)


def second_pass_recipe(recipe: ResolvedRecipe) -> ResolvedRecipe:
    """The recipe as its second pass sees it."""
    return recipe.model_copy(
        update={
            "prompt": recipe.hires_prompt,
            "adapters": recipe.adapters if recipe.hires_adapters is None else recipe.hires_adapters,
            "negative_prompt": recipe.hires_negative_prompt,
            "sampler": recipe.hires_sampler,
            "schedule": recipe.hires_schedule,
            "steps": recipe.hires_steps,
            "guidance_scale": recipe.hires_guidance_scale,
            "denoising_strength": recipe.hires_denoising_strength,
            "width_px": recipe.hires_width_px,
            "height_px": recipe.hires_height_px,
            # The first pass has put the seed's composition down; noise of another size would fight it.
            "seed_resize_width_px": 0,
            "seed_resize_height_px": 0,
        }
    )
