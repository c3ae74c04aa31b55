"""A picture in overlapping tiles of whole pixels, and finished tiles laid over one another with ramps where they meet.

The web process cuts and joins with it; the engine's own tiles work on tensors.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from studio.pictures.picture import Bytes, Floats, Picture
from studio.pictures.region import Region


def tile_regions(size: tuple[int, int], tile: tuple[int, int], overlap_px: int) -> Iterator[Region]:
    """Regions of at most ``tile`` (width, height) that cover a picture of ``size`` and overlap by ``overlap_px`` or
    more, row by row. The overlap must be smaller than a tile.
    """
    width_px, height_px = size
    for top in _starts(height_px, tile[1], overlap_px):
        for left in _starts(width_px, tile[0], overlap_px):
            yield Region(left, top, min(left + tile[0], width_px), min(top + tile[1], height_px))


class Joining:
    """Tiles put together to a picture of ``size`` (width, height)."""

    def __init__(self, size: tuple[int, int], overlap_px: int) -> None:
        self._size = size
        self._overlap_px = overlap_px
        self._sum = np.zeros((size[1], size[0], 3), np.float32)
        self._weight = np.zeros((size[1], size[0], 1), np.float32)

    def lay(self, region: Region, rgb: Bytes) -> None:
        """Put a finished tile, (height, width, 3) uint8 as large as its region, in its place."""
        across = self._ramp(region.left, region.right, self._size[0])
        down = self._ramp(region.top, region.bottom, self._size[1])
        weight = (down[:, None] * across)[..., None]
        self._sum[region.place] += rgb * weight
        self._weight[region.place] += weight

    def picture(self) -> Picture:
        """All of it."""
        return Picture(np.clip(self._sum / self._weight + np.float32(0.5), 0, 255).astype(np.uint8))

    def _ramp(self, start: int, end: int, length: int) -> Floats:
        """1 inside, falling towards edges that meet another tile; never 0."""
        ramp = np.ones(end - start, np.float32)
        reach = min(self._overlap_px, end - start)
        slope = (np.arange(reach, dtype=np.float32) + 1) / (reach + 1)
        if start > 0:
            ramp[:reach] = np.minimum(ramp[:reach], slope)
        if end < length:
            ramp[len(ramp) - reach :] = np.minimum(ramp[len(ramp) - reach :], slope[::-1])
        return ramp


def _starts(length: int, side: int, overlap_px: int) -> list[int]:
    if length <= side:
        return [0]
    count = -(-(length - overlap_px) // (side - overlap_px))
    return [place * (length - side) // (count - 1) for place in range(count)]
