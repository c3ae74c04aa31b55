"""Large pictures in overlapping tiles: cut, worked on one by one, and put together again without a seam.

It owns the geometry and the blending; what is done to a tile is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Tile:
    """A part of a picture: rows ``top`` to ``bottom``, columns ``left`` to ``right``."""

    top: int
    bottom: int
    left: int
    right: int

    def of(self, picture: Tensor) -> Tensor:
        """This part of (channels, height, width)."""
        return picture[:, self.top : self.bottom, self.left : self.right]


def tiles(height: int, width: int, side: int, overlap: int, grid: int = 1) -> Iterator[Tile]:
    """Tiles of at most ``side`` that overlap by ``overlap`` (less a ``grid``) or more and cover everything.

    They begin on multiples of ``grid``, which must divide all four lengths.
    """
    for top in _starts(height, side, overlap, grid):
        for left in _starts(width, side, overlap, grid):
            yield Tile(top, min(top + side, height), left, min(left + side, width))


def _starts(length: int, side: int, overlap: int, grid: int) -> list[int]:
    if length <= side:
        return [0]
    count = -(-(length - overlap) // (side - overlap))
    return [place * (length - side) // (count - 1) // grid * grid for place in range(count)]


class Mosaic:
    """Finished tiles, ``numerator / denominator`` times as large, laid over one another with ramps where they meet.

    ``channels`` by ``height`` by ``width`` is the size of the picture that the tiles were cut from.
    """

    def __init__(
        self, channels: int, height: int, width: int, overlap: int, numerator: int = 1, denominator: int = 1
    ) -> None:
        self._scale = (numerator, denominator)
        self._size = height, width
        self._overlap = overlap
        size = self._scaled(height), self._scaled(width)
        self._sum = torch.zeros(channels, *size)
        self._weight = torch.zeros(1, *size)

    def lay(self, tile: Tile, finished: Tensor) -> None:
        """Put a finished tile, (channels, height, width) at the new scale, in its place."""
        rows = slice(self._scaled(tile.top), self._scaled(tile.bottom))
        columns = slice(self._scaled(tile.left), self._scaled(tile.right))
        weight = self._ramp(tile.top, tile.bottom, self._size[0])[:, None] * self._ramp(
            tile.left, tile.right, self._size[1]
        )
        self._sum[:, rows, columns] += finished.float().cpu() * weight
        self._weight[:, rows, columns] += weight

    def picture(self) -> Tensor:
        """All of it, (channels, height, width), float32, on the CPU."""
        return self._sum / self._weight

    def _ramp(self, start: int, end: int, length: int) -> Tensor:
        """1 inside, falling towards edges that meet another tile; never 0."""
        size = self._scaled(end) - self._scaled(start)
        ramp = torch.ones(size)
        reach = min(self._scaled(self._overlap), size)
        slope = (torch.arange(reach) + 1) / (reach + 1)
        if start > 0:
            ramp[:reach] = torch.minimum(ramp[:reach], slope)
        if end < length:
            ramp[size - reach :] = torch.minimum(ramp[size - reach :], slope.flip(0))
        return ramp

    def _scaled(self, length: int) -> int:
        return length * self._scale[0] // self._scale[1]
