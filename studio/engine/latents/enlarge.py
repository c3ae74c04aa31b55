"""Latents at another size, by the six ways A1111 names."""

from __future__ import annotations

import torch
from torch import Tensor

from studio.recipe.finish import LATENT_UPSCALERS

_WAYS: dict[str, tuple[str, bool]] = dict(
    zip(
        LATENT_UPSCALERS,
        [
            ("bilinear", False),
            ("bilinear", True),
            ("bicubic", False),
            ("bicubic", True),
            ("nearest", False),
            ("nearest-exact", False),
        ],
        strict=True,
    )
)
"""torch's mode of interpolation, and whether it is antialiased."""


def enlarged_latents(latents: Tensor, height: int, width: int, upscaler: str) -> Tensor:
    """Latents (channels, height, width) at another size, by one of `LATENT_UPSCALERS`."""
    mode, antialias = _WAYS[upscaler]
    return torch.nn.functional.interpolate(latents[None], size=(height, width), mode=mode, antialias=antialias)[0]
