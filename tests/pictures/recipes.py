"""Resolved inpainting recipes for the tests of pictures, where only size and mask matter."""

from __future__ import annotations

from typing import Any

from studio.recipe.model import Emphasis, Mode, NoiseDevice, ResolvedRecipe

_BASE: dict[str, Any] = {
    "mode": Mode.INPAINT,
    "prompt": "",
    "negative_prompt": "",
    "checkpoint": "toy",
    "checkpoint_sha256": "0" * 64,
    "family": "sd1",
    "sampler": "Euler",
    "schedule": "Automatic",
    "steps": 20,
    "guidance_scale": 7.0,
    "seed": 1,
    "variation_seed": 0,
    "variation_strength": 0.0,
    "seed_resize_width_px": 0,
    "seed_resize_height_px": 0,
    "width_px": 64,
    "height_px": 64,
    "clip_skip": 1,
    "eta": 0.0,
    "eta_noise_seed_delta": 0,
    "emphasis": Emphasis.ORIGINAL,
    "noise": NoiseDevice.CPU,
    "exact": False,
}


def inpaint_recipe(**fields: object) -> ResolvedRecipe:
    return ResolvedRecipe(**{**_BASE, **fields})
