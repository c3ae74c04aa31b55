"""Whether a trajectory is still a picture on its way, from the spread of its numbers.

Clean latents have a standard deviation near 1, so a noisy x has one near sqrt(sigma^2 + 1). What strays far from that
will never be a picture, and NaN never was one. It owns the range and the sentence that says which setting to change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from studio.errors import Unstable
from studio.recipe.model import ResolvedRecipe

MOST_SPREAD = 30.0
LEAST_SPREAD = 1e-3


def spreads(x: Sequence[Tensor], sigmas: Sequence[float], denoised: Sequence[Tensor]) -> list[tuple[float, float]]:
    """For each picture the standard deviations of x, relative to what its sigma lets expect, and of the denoised
    latents.

    One transfer from the device for the whole round. NaN and infinity stay visible in the answer.
    """
    both = torch.stack((torch.stack(list(x)), torch.stack(list(denoised)))).flatten(2).std(dim=2).tolist()
    expected = [math.hypot(sigma, 1.0) for sigma in sigmas]
    return [(noisy / level, clean) for noisy, clean, level in zip(both[0], both[1], expected, strict=True)]


def check(spread: tuple[float, float], recipe: ResolvedRecipe) -> None:
    """Raise `Unstable`, naming the setting to change, when a spread has left the sane range."""
    relative, clean = spread
    if not (math.isfinite(relative) and math.isfinite(clean)):
        raise Unstable(f"The picture turned into NaN or infinity. {remedy(recipe)}")
    # Only x is held to the range: at high noise a strong guidance overshoots in the denoised picture, and is made
    # good later.
    if relative > MOST_SPREAD:
        raise Unstable(f"The picture ran away: its numbers are {relative:.0f} times too large. {remedy(recipe)}")
    if relative < LEAST_SPREAD:
        raise Unstable(f"The picture faded to nothing. {remedy(recipe)}")


def check_latents(latents: Tensor, recipe: ResolvedRecipe) -> None:
    """Raise `Unstable` when what a sampler ended with, (4, height / 8, width / 8), is out of the range of clean
    latents.
    """
    spread = float(latents.std())
    check((spread, spread), recipe)


def remedy(recipe: ResolvedRecipe) -> str:
    """What to change about a recipe whose numbers ran away, the likeliest cause first."""
    if recipe.guidance_scale > 12:
        return f"Try a lower guidance scale than {recipe.guidance_scale:g} (7 is usual)."
    if recipe.steps < 10:
        return f"Try more steps than {recipe.steps}, or another sampler than {recipe.sampler}."
    return f"Try another schedule than {recipe.schedule}, a lower guidance scale, or other steps than {recipe.steps}."
