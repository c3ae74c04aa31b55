"""Recipes and orders for engine tests: one resolved recipe, varied by keyword."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.engine.protocol import Engine
from studio.recipe import Emphasis, Mode, NoiseDevice, ResolvedRecipe
from studio.recipe.events import Event, PictureOrder

_BASE: dict[str, Any] = {
    "mode": Mode.TEXT,
    "prompt": "a red cat",
    "negative_prompt": "",
    "checkpoint": "toy",
    "checkpoint_sha256": "0" * 64,
    "family": "sd1",
    "sampler": "Euler",
    "schedule": "uniform",
    "steps": 6,
    "guidance_scale": 5.0,
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


def resolved(**fields: Any) -> ResolvedRecipe:
    """A recipe of 6 steps of Euler at 64x64, with ``fields`` laid over it."""
    return ResolvedRecipe(**{**_BASE, **fields})


def order(
    checkpoint: Path, job_id: str = "job", index: int = 0, previews: int = 0, at_once: bool = False, **fields: Any
) -> PictureOrder:
    return PictureOrder(job_id, index, resolved(**fields), checkpoint, previews, at_once=at_once)


def finish(engine: Engine, most_steps: int = 10_000) -> list[Event]:
    """Step until the engine is idle; everything it said."""
    events: list[Event] = []
    for _ in range(most_steps):
        if engine.idle:
            return events
        events += engine.step()
    raise AssertionError(f"the engine is not idle after {most_steps} steps")
