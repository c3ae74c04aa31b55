"""Recipes and pixels for gallery tests, and rows by the thousand."""

from __future__ import annotations

import random
import re
from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import insert

from studio.recipe import Emphasis, Mode, NoiseDevice, ResolvedRecipe
from studio.recipe.events import Pixels
from studio.store import Database
from studio.store.tables import ImageRow

NOTES = {"VAE precision": "float32"}


def recipe(prompt: str = "a cat", **fields: Any) -> ResolvedRecipe:
    """A resolved recipe of a small picture."""
    plain: dict[str, Any] = {
        "mode": Mode.TEXT,
        "prompt": prompt,
        "negative_prompt": "blurry",
        "checkpoint": "starter",
        "checkpoint_sha256": "ab" * 32,
        "family": "sd1",
        "sampler": "DPM++ 2M",
        "schedule": "karras",
        "steps": 20,
        "guidance_scale": 7.1,
        "seed": 42,
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
    return ResolvedRecipe(**{**plain, **fields})


def pixels(seed: int = 0, width_px: int = 64, height_px: int = 64) -> Pixels:
    """Noise, which PNG cannot make smaller: ``width_px * height_px * 3`` bytes a file, about."""
    return Pixels(width_px, height_px, random.Random(seed).randbytes(width_px * height_px * 3))


WORDS = re.findall(
    r"\w+",
    "cat dog castle forest ocean portrait painting watercolour neon city night sunrise robot dragon flower mountain "
    "river glass marble velvet ancient tiny giant golden silver crimson azure emerald misty stormy quiet detailed",
)


def fill_rows(database: Database, count: int) -> list[str]:
    """``count`` rows without files, a second apart; answers their ids, oldest first. One in a hundred says "walrus"."""
    draw, start = random.Random(7), datetime(2026, 1, 1, tzinfo=timezone.utc)
    ids = [f"{draw.getrandbits(128):032x}" for _ in range(count)]
    fields = recipe().model_dump(mode="json")
    rows = []
    for number, image_id in enumerate(ids):
        prompt = ", ".join(draw.choices(WORDS, k=25)) + (", walrus" if number % 100 == 0 else "")
        rows.append(
            {
                "id": image_id,
                "owner_id": "local",
                "job_id": f"job {number // 8}",
                "idx": number % 8,
                "file": f"2026-01-01/{image_id}.png",
                "sha256": "0" * 64,
                "width_px": 512,
                "height_px": 512,
                "prompt": prompt,
                "negative_prompt": "blurry, low quality",
                "checkpoint": "starter",
                "sampler": "Euler a",
                "seed": number,
                "steps": 20,
                "recipe": {**fields, "prompt": prompt},
                "notes": {},
                "infotext": f"{prompt}\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, Seed: {number}",
                "created_at": start + timedelta(seconds=number),
                "favourite": number % 10 == 0,
            }
        )
    with database.session() as session:
        session.execute(insert(ImageRow), rows)
    return ids
