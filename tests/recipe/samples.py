"""Resolved recipes for the tests: one ordinary, and as many wild ones as asked for."""

from __future__ import annotations

import random
from typing import Any

from studio.recipe import (
    Emphasis,
    InpaintArea,
    MaskedContent,
    Mode,
    NoiseDevice,
    ResizeMode,
    ResolvedRecipe,
    Tiling,
)
from studio.recipe.limits import MAX_SEED
from studio.recipe.schedule_labels import SCHEDULE_LABELS

SAMPLERS = ("Euler a", "Euler", "DPM++ 2M", "DPM++ 2M SDE Heun", "DDIM", "UniPC", "LCM", 'k_something, new: "x"')

FRAGMENTS = (
    "cat", " ", "  ", ",", ":", '"', "'", "\\", "\\n", "\n", "\r\n", "\t", "(a:1.2)", "[b|c]", "<lora:x:0.5>", "{}",
    "{a|2::b}", "__x/y__", "{2$$ and $$a|b|c}",
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
    prompt, negative_prompt = wild_text(rng), rng.choice(["", wild_text(rng)])
    sampler, schedule = rng.choice(SAMPLERS), rng.choice(list(SCHEDULE_LABELS))
    guidance_scale = rng.choice([7.0, 7.5, rng.uniform(1, 100)])
    return sample(
        prompt=prompt,
        negative_prompt=negative_prompt,
        checkpoint=wild_text(rng).strip() or "starter",
        sampler=sampler,
        schedule=schedule,
        steps=rng.randint(1, 1000),
        guidance_scale=guidance_scale,
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
        tiling=rng.choice(list(Tiling)),
        vae=rng.choice(["auto", "own", "vae-ft-mse", 'odd, "name": 1']),
        vae_sha256=rng.choice(["", f"{rng.getrandbits(256):064x}"]),
        mode=rng.choice(list(Mode)),
        templates=wild_templates(rng),
        **wild_source(rng),
        **wild_second_pass(rng, prompt, negative_prompt, sampler, schedule, guidance_scale),
        **wild_finish(rng),
    )


def wild_templates(rng: random.Random) -> dict[str, str]:
    """Templates of some of the prompts, as wild as any text; empty for the others."""
    names = ("prompt", "negative_prompt", "hires_prompt", "hires_negative_prompt")
    return {name: wild_text(rng) for name in names if rng.random() < 0.3}


def wild_source(rng: random.Random) -> dict[str, Any]:
    """The fields of source and mask, whether the mode uses them or not."""
    blur_px = rng.randint(0, 256)
    return {
        "source": f"{rng.getrandbits(256):064x}",
        "mask": rng.choice(["", f"{rng.getrandbits(256):064x}"]),
        "resize_mode": rng.choice(list(ResizeMode)),
        "denoising_strength": rng.choice([0.0, 0.75, 1.0, rng.random()]),
        "masked_content": rng.choice(list(MaskedContent)),
        "inpaint_area": rng.choice(list(InpaintArea)),
        "masked_padding_px": rng.choice([32, rng.randint(0, 1024)]),
        "mask_invert": rng.random() < 0.5,
        "mask_grow_px": rng.choice([0, rng.randint(-512, 512)]),
        "mask_blur_x_px": blur_px,
        "mask_blur_y_px": rng.choice([blur_px, rng.randint(0, 256)]),
        "soft_inpainting": rng.random() < 0.5,
        "colour_correction": rng.random() < 0.5,
        **{f"outpaint_{side}_px": rng.choice([0, rng.randint(0, 4096)]) for side in ("left", "right", "top", "bottom")},
    }


def wild_second_pass(
    rng: random.Random, prompt: str, negative_prompt: str, sampler: str, schedule: str, guidance_scale: float
) -> dict[str, Any]:
    """The fields of a second pass as resolving leaves them, or of none."""
    if rng.random() < 0.5:
        return {}
    return {
        "hires_scale": rng.choice([1.0, 2.0, rng.uniform(1, 8)]),
        "hires_width_px": rng.randrange(64, 16384, 8),
        "hires_height_px": rng.randrange(64, 16384, 8),
        "hires_upscaler": wild_text(rng).strip() or "Latent",
        "hires_steps": rng.randint(1, 1000),
        "hires_denoising_strength": rng.choice([0.0, 0.7, rng.random()]),
        "hires_sampler": rng.choice([sampler, rng.choice(SAMPLERS)]),
        "hires_schedule": rng.choice([schedule, rng.choice(list(SCHEDULE_LABELS))]),
        "hires_guidance_scale": rng.choice([guidance_scale, rng.uniform(1, 100)]),
        "hires_prompt": rng.choice([prompt, wild_text(rng) or prompt]),
        "hires_negative_prompt": rng.choice([negative_prompt, wild_text(rng) or negative_prompt]),
    }


def wild_finish(rng: random.Random) -> dict[str, Any]:
    """The fields of upscaling and adjustments."""
    adjustments = ("brightness", "contrast", "saturation", "temperature", "sharpness")
    return {
        "upscaler": rng.choice(["None", "Lanczos", wild_text(rng).strip() or "4x"]),
        "upscale": rng.choice([1.0, 2.0, rng.uniform(1, 8)]),
        **{name: rng.choice([0.0, rng.uniform(-1, 1)]) for name in adjustments},
    }
