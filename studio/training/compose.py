"""Composed pictures: a subject laid over a background colour.

Owns placement and compositing, as pure functions over batches of tensors with an explicit random generator. It knows
no words and no networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from studio.training.subjects import COLOURS

SIZE_PX = 128
# The artwork is 128 pixels wide with the subject reaching its edge, so the largest scale and shift still leave a rim
# of background. Both are small: what moves more needs to be seen more often before it is learnt, and a processor sees
# little.
SCALE_RANGE = (0.82, 0.88)
SHIFT_RANGE = 0.03


def palette() -> Tensor:
    """The background colours, (12, 3), float32 in 0..1."""
    return torch.tensor(list(COLOURS.values()), dtype=torch.float32) / 255


@dataclass(frozen=True)
class Placement:
    """Where subjects lie: `scale` (batch,), 1 is the whole width; `shift` (batch, 2), x and y in half widths."""

    scale: Tensor
    shift: Tensor

    @classmethod
    def central(cls, count: int) -> Placement:
        middle = sum(SCALE_RANGE) / 2
        return cls(torch.full((count,), middle), torch.zeros(count, 2))

    @classmethod
    def random(cls, count: int, generator: torch.Generator) -> Placement:
        low, high = SCALE_RANGE
        scale = low + (high - low) * torch.rand(count, generator=generator)
        shift = (2 * torch.rand(count, 2, generator=generator) - 1) * SHIFT_RANGE
        return cls(scale, shift)


def place(art: Tensor, placement: Placement, size_px: int = SIZE_PX, window: Tensor | None = None) -> Tensor:
    """Artwork moved to its place, (batch, 4, size, size), premultiplied.

    `art` is (batch, 4, 128, 128). `window` (batch, 2) is the top left corner (x, y) of a crop of `size_px` within the
    128-pixel picture.
    """
    corner = torch.zeros(len(art), 2) if window is None else window
    pixel = torch.arange(size_px) + 0.5
    # Output pixel centres in the whole picture's coordinates, -1..1, then back through scale and shift to the
    # artwork's own.
    whole = (corner.unsqueeze(1) + pixel.unsqueeze(-1)) / (SIZE_PX if window is not None else size_px) * 2 - 1
    own = (whole - placement.shift.unsqueeze(1)) / placement.scale.reshape(-1, 1, 1)
    x, y = own[..., 0], own[..., 1]
    grid = torch.stack([x.unsqueeze(1).expand(-1, size_px, -1), y.unsqueeze(2).expand(-1, -1, size_px)], dim=-1)
    return functional.grid_sample(art, grid.to(art.dtype), mode="bilinear", padding_mode="zeros", align_corners=False)


def over(layer: Tensor, background: Tensor) -> Tensor:
    """A premultiplied layer (batch, 4, h, w) over colours (batch, 3) or pictures (batch, 3, h, w): (batch, 3, h, w)
    in 0..1.

    Porter and Duff 1984, the `over` operator.
    """
    if background.ndim == 2:
        background = background[:, :, None, None]
    return layer[:, :3] + (1 - layer[:, 3:]) * background
