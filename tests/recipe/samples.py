"""Resolved recipes for the tests: one ordinary, and as many wild ones as asked for."""

from __future__ import annotations

import random
from typing import Any

from studio.recipe import Emphasis, Mode, NoiseDevice, ResolvedRecipe
from studio.recipe.infotext import SCHEDULE_LABELS
from studio.recipe.limits import MAX_SEED

SAMPLERS = ("Euler a", "Euler", "DPM++ 2M", "DPM++ 2M SDE Heun", "DDIM", "UniPC", "LCM", 'k_something, new: "x"')

FRAGMENTS = (
    "cat", " ", "  ", ",", ":", '"', "'", "\\", "\\n", "\n", "\r\n", "\t", "(a:1.2)", "[b|c]", "<lora:x:0.5>", "{}",
    "\u05e9\u05dc\u05d5\u05dd", "\u202bmixed\u202c", "\u0645\u0631\u062d\u0628\u0627", "猫の写真", "고양이", "\u3000",
    "🐈‍⬛", "\u00a0", "\u2028", "\x85", "e\u0301", "\x1b",
    "Steps: 20, Sampler: x, Seed: 3", "\nSteps: 20, Sampler: x, Seed: 3\n", "Negative prompt: dog",
    "\nNegative prompt: dog", "\n Negative prompt:", 'Model: "a, b", Size: 1x1, Version: z', "Version: v1.10.1",
)  # fmt: skip


def sample(**changes: Any) -> ResolvedRecipe:
    fields: dict[str, Any] = {
        "mode": Mode.TEXT,
        "prompt": "3d cat face on a blue background",
        "negative_prompt": "",
        "checkpoint": "starter",
        "checkpoint_sha256": "0123456789abcdef" * 4,
        "family": "sd1",
        "sampler": "DPM++ 2M",
        "schedule": "karras",
        "steps": 20,
        "guidance_scale": 7.0,
        "seed": 42,
        "variation_seed": 0,
        "variation_strength": 0.0,
        "seed_resize_width_px": 0,
        "seed_resize_height_px": 0,
        "width_px": 512,
        "height_px": 768,
        "clip_skip": 1,
        "eta": 0.0,
        "eta_noise_seed_delta": 0,
        "emphasis": Emphasis.ORIGINAL,
        "noise": NoiseDevice.CPU,
        "exact": False,
    }
    return ResolvedRecipe(**{**fields, **changes})


def wild_text(rng: random.Random) -> str:
    return "".join(rng.choice(FRAGMENTS) for _ in range(rng.randint(0, 12)))


def wild(rng: random.Random) -> ResolvedRecipe:
    """A recipe with every field anywhere within its limits."""
    return sample(
        prompt=wild_text(rng),
        negative_prompt=rng.choice(["", wild_text(rng)]),
        checkpoint=wild_text(rng).strip() or "starter",
        sampler=rng.choice(SAMPLERS),
        schedule=rng.choice(list(SCHEDULE_LABELS)),
        steps=rng.randint(1, 1000),
        guidance_scale=rng.choice([7.0, 7.5, rng.uniform(1, 100)]),
        seed=rng.randint(0, MAX_SEED),
        variation_seed=rng.randint(0, MAX_SEED),
        variation_strength=rng.choice([0.0, 0.1, 1.0, rng.random() * 1e-6, rng.random()]),
        seed_resize_width_px=rng.choice([0, 512]),
        seed_resize_height_px=rng.choice([0, 384]),
        width_px=rng.randrange(64, 4096, 8),
        height_px=rng.randrange(64, 4096, 8),
        clip_skip=rng.randint(1, 12),
        eta=rng.choice([0.0, 1.0, rng.uniform(0, 10)]),
        eta_noise_seed_delta=rng.choice([0, 31337]),
        emphasis=rng.choice(list(Emphasis)),
        noise=rng.choice(list(NoiseDevice)),
        exact=rng.random() < 0.5,
    )
