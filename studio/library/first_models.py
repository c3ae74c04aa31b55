"""A short list of models to begin with: what each is, where it lies on the hub, under which licence, what it needs.

Sizes are rounded; the exact one is asked of the hub before anything is fetched.
"""

from __future__ import annotations

from dataclasses import dataclass

from studio.library.card import Kind


@dataclass(frozen=True)
class FirstModel:
    """A model by a short ``name``; ``size_gb`` of 10^9 bytes, ``memory_gb`` is what a GPU should have."""

    name: str
    kind: Kind
    repository: str
    file: str
    size_gb: float
    licence: str
    memory_gb: int
    about: str


FIRST_MODELS: tuple[FirstModel, ...] = (
    FirstModel(
        "sd15", "checkpoint", "stable-diffusion-v1-5/stable-diffusion-v1-5", "v1-5-pruned-emaonly.safetensors",
        4.3, "CreativeML Open RAIL-M", 4, "Stable Diffusion 1.5: small, fast, and what most LoRAs are made for.",
    ),
    FirstModel(
        "dreamshaper", "checkpoint", "Lykon/DreamShaper", "DreamShaper_8_pruned.safetensors",
        2.1, "CreativeML Open RAIL-M", 4, "A favourite of the 1.5 family for people and fantasy.",
    ),
    FirstModel(
        "sdxl", "checkpoint", "stabilityai/stable-diffusion-xl-base-1.0", "sd_xl_base_1.0.safetensors",
        6.9, "CreativeML Open RAIL++-M", 8, "Stable Diffusion XL: 1024 pixels, understands more of a prompt.",
    ),
    FirstModel(
        "vae-mse", "vae", "stabilityai/sd-vae-ft-mse-original", "vae-ft-mse-840000-ema-pruned.safetensors",
        0.3, "MIT", 4, "A better decoder for the 1.5 family, above all for faces.",
    ),
    FirstModel(
        "sdxl-vae", "vae", "madebyollin/sdxl-vae-fp16-fix", "sdxl_vae.safetensors",
        0.3, "MIT", 8, "The decoder of XL, mended so that it does not overflow in half precision.",
    ),
)  # fmt: skip
