"""Seamless pictures continue across their edges, and leave the shared network as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from studio.engine.build import create_engine
from studio.engine.seamless import seamless
from studio.recipe import Tiling
from studio.recipe.events import PictureDone
from tests.engine.recipes import finish, order


@pytest.mark.parametrize(
    ("tiling", "axes"), [(Tiling.BOTH, (2, 3)), (Tiling.HORIZONTAL, (3,)), (Tiling.VERTICAL, (2,)), (Tiling.OFF, ())]
)
def test_a_shifted_picture_gives_the_shifted_answer_along_the_axes(tiling: Tiling, axes: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.SiLU(), nn.Conv2d(4, 3, 3, padding=1))
    x = torch.randn(1, 3, 8, 8)
    with seamless(network, tiling), torch.no_grad():
        for axis in (2, 3):
            same = torch.allclose(network(x.roll(3, axis)), network(x).roll(3, axis), atol=1e-6)
            assert same is (axis in axes)


def test_the_network_is_as_before_even_after_an_error() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1))
    x = torch.randn(1, 3, 8, 8)
    before, names = network(x), set(vars(network[0]))
    with pytest.raises(RuntimeError), seamless(network, Tiling.BOTH):
        raise RuntimeError
    assert torch.equal(network(x), before)
    assert set(vars(network[0])) == names


def test_a_seamless_picture_among_others_changes_none_of_them(toy: Path) -> None:
    def made(*tilings: Tiling) -> list[bytes]:
        engine = create_engine("cpu")
        for place, tiling in enumerate(tilings):
            engine.submit(order(toy, f"job {place}", tiling=tiling, exact=True))
        done = {one.job_id: one.pixels.data for one in finish(engine) if isinstance(one, PictureDone)}
        engine.close()
        return [done[f"job {place}"] for place in range(len(tilings))]

    plain = made(Tiling.OFF)[0]
    seamless_one, after = made(Tiling.BOTH, Tiling.OFF)
    assert after == plain
    assert seamless_one != plain
