"""Tiles cover everything, and come together as if there had been none."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from studio.engine.tiles import Mosaic, tiles


@pytest.mark.parametrize(("height", "width", "side", "overlap"), [(10, 10, 16, 4), (100, 37, 16, 4), (64, 200, 32, 8)])
def test_tiles_put_together_are_the_picture(height: int, width: int, side: int, overlap: int) -> None:
    picture = torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))
    mosaic = Mosaic(3, height, width, overlap, 2)
    found = list(tiles(height, width, side, overlap))
    for tile in found:
        part = tile.of(picture)
        assert max(part.shape[1:]) <= side
        mosaic.lay(tile, part.repeat_interleave(2, 1).repeat_interleave(2, 2))
    expected = picture.repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert torch.allclose(mosaic.picture(), expected, atol=1e-6)


def test_neighbours_overlap_and_begin_on_the_grid() -> None:
    lefts = sorted({(tile.left, tile.right) for tile in tiles(64, 1000, 256, 64, 8)})
    assert all(left % 8 == 0 for left, _ in lefts)
    assert all(before[1] - after[0] >= 64 - 8 for before, after in pairwise(lefts))
    assert lefts[-1][1] == 1000


def test_where_tiles_disagree_the_seam_is_a_ramp() -> None:
    mosaic = Mosaic(1, 8, 24, 8)
    for level, tile in enumerate(tiles(8, 24, 16, 8)):
        mosaic.lay(tile, torch.full((1, 8, tile.right - tile.left), float(level)))
    row = mosaic.picture()[0, 0]
    assert row[0] == 0 and row[-1] == 1
    assert float(row.diff().max()) < 0.2
