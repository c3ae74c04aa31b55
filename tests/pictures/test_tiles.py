"""Tiles cover everything, and meet without a step."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from studio.pictures.tiles import Joining, tile_regions

SIZES = [
    ((320, 192), (128, 128), 32),
    ((100, 70), (128, 128), 64),
    ((512, 512), (512, 512), 64),
    ((777, 333), (96, 64), 8),
]


@pytest.mark.parametrize(("size", "tile", "overlap_px"), SIZES)
def test_tiles_cover_everything_and_overlap(size: tuple[int, int], tile: tuple[int, int], overlap_px: int) -> None:
    covered = np.zeros((size[1], size[0]), int)
    regions = list(tile_regions(size, tile, overlap_px))
    for region in regions:
        assert region.width_px == min(tile[0], size[0]) and region.height_px == min(tile[1], size[1])
        covered[region.place] += 1
    assert covered.min() >= 1
    lefts = sorted({region.left for region in regions})
    for left, following in pairwise(lefts):
        assert left + tile[0] - following >= overlap_px


@pytest.mark.parametrize(("size", "tile", "overlap_px"), SIZES)
def test_what_was_cut_comes_back(size: tuple[int, int], tile: tuple[int, int], overlap_px: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    joining = Joining(size, overlap_px)
    for region in tile_regions(size, tile, overlap_px):
        joining.lay(region, picture[region.place])
    assert np.array_equal(joining.picture().rgb, picture)


def test_black_meets_white_in_a_ramp() -> None:
    joining = Joining((224, 64), 32)
    for place, region in enumerate(tile_regions((224, 64), (128, 64), 32)):
        joining.lay(region, np.full((64, 128, 3), 255 * place, np.uint8))
    row = joining.picture().rgb[10, :, 0].astype(int)
    assert row[0] == 0 and row[-1] == 255 and (np.diff(row) >= 0).all()
    assert np.diff(row).max() <= 255 / 32 + 1
