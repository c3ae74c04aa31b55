"""Upscaler files: every spelling of the same network gives the same picture, and tiles leave no seam."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from studio.engine.placement import Placement, choose_placement
from studio.engine.upscale import UpscalerNetwork, UpscalerShelf, enlarged_in_pieces
from studio.engine.upscaler_networks import Compact, Dense, load_upscaler
from studio.errors import DamagedModel, Unstable, UnsupportedModel
from studio.pictures import Picture


def weights_of(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.contiguous() for name, weight in network.state_dict().items()}


def dense(channels: int = 3, doublings: int = 2) -> Dense:
    torch.manual_seed(0)
    return Dense(channels, 8, 4, 2, doublings).eval()


def first_release(name: str) -> str:
    name = name.replace("conv_body", "trunk_conv").replace("conv_hr", "HRconv").replace("conv_up", "upconv")
    return name.replace("body.", "RRDB_trunk.").replace("rdb", "RDB")


def oldest(name: str) -> str:
    parts = name.split(".")
    if parts[0] == "body":
        return f"model.1.sub.{parts[1]}.{parts[2].upper()}.{parts[3]}.0.{parts[4]}"
    places = {"conv_first": "0", "conv_body": "1.sub.2", "conv_up1": "3", "conv_up2": "6", "conv_hr": "8"}
    return f"model.{places.get(parts[0], '10')}.{parts[-1]}"


@pytest.mark.parametrize("spelling", [str, first_release, oldest, lambda name: f"params_ema.{name}"])
def test_every_spelling_is_the_same_network(tmp_path: Path, spelling: Callable[[str], str]) -> None:
    network = dense()
    save_file({spelling(name): weight for name, weight in weights_of(network).items()}, tmp_path / "x4.safetensors")
    loaded, factor = load_upscaler(tmp_path / "x4.safetensors")
    x = torch.rand(1, 3, 9, 7)
    assert factor == 4
    with torch.no_grad():
        assert torch.equal(loaded(x), network(x))
        assert loaded(x).shape == (1, 3, 36, 28)


@pytest.mark.parametrize(("channels", "factor"), [(12, 2), (48, 1)])
def test_networks_that_fold_pixels_first(tmp_path: Path, channels: int, factor: int) -> None:
    network = dense(channels)
    save_file(weights_of(network), tmp_path / "x.safetensors")
    loaded, found = load_upscaler(tmp_path / "x.safetensors")
    assert found == factor
    with torch.no_grad():
        assert loaded(torch.rand(1, 3, 9, 7)).shape == (1, 3, 9 * factor, 7 * factor)


def test_the_compact_network_adds_to_the_enlarged_picture(tmp_path: Path) -> None:
    layers = {"0": (8, 3), "2": (8, 8), "4": (48, 8)}
    weights = {f"body.{place}.weight": torch.zeros(*shape, 3, 3) for place, shape in layers.items()}
    weights |= {f"body.{place}.bias": torch.zeros(shape[0]) for place, shape in layers.items()}
    weights |= {f"body.{place}.weight": torch.full((8,), 0.25) for place in ("1", "3")}
    save_file(weights, tmp_path / "compact.safetensors")
    network, factor = load_upscaler(tmp_path / "compact.safetensors")
    assert isinstance(network, Compact) and factor == 4
    x = torch.rand(1, 3, 5, 6)
    assert torch.equal(network(x), torch.nn.functional.interpolate(x, scale_factor=4.0))


def test_what_is_no_upscaler_or_does_not_fit_is_said(tmp_path: Path) -> None:
    save_file({"layers.0.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(UnsupportedModel, match="upscalers"):
        load_upscaler(tmp_path / "other.safetensors")
    weights = weights_of(dense())
    del weights["body.1.rdb2.conv3.weight"]
    save_file(weights, tmp_path / "cut.safetensors")
    with pytest.raises(DamagedModel, match=r"cut\.safetensors does not fit"):
        load_upscaler(tmp_path / "cut.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"not a model")
    with pytest.raises(DamagedModel, match="cannot be read"):
        load_upscaler(tmp_path / "bad.safetensors")


def test_tiles_of_a_network_leave_no_seam_and_come_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.engine.upscale.TILE_SIDE_PX", 48)
    save_file(weights_of(dense(doublings=1)), tmp_path / "x2.safetensors")
    network = UpscalerShelf(choose_placement("cpu")).get(tmp_path / "x2.safetensors")
    levels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    pieces = enlarged_in_pieces(Picture(levels), 180, 120, "x2", network)
    count = 0
    try:
        while True:
            next(pieces)
            count += 1
    except StopIteration as end:
        tiled = end.value
    assert count == 6
    with torch.no_grad():
        whole = network(torch.from_numpy(levels).permute(2, 0, 1).float() / 255)
    expected = (whole * 255).round().permute(1, 2, 0).numpy()
    # The network sees some pixels beyond its own; at a tile's inner edge it sees the edge instead, under the ramp.
    assert np.abs(tiled.rgb.astype(int) - expected).max() <= 3


class Loud(torch.nn.Module):
    """Doubles a picture by way of numbers that float16 does not have; ``damaged`` has none in any format."""

    def __init__(self, damaged: bool = False) -> None:
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(60_000.0), requires_grad=False)
        self.damaged = damaged

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        loud = x * self.factor * 2 / self.factor / 2
        return torch.nn.functional.interpolate(loud * (torch.nan if self.damaged else 1), scale_factor=2)


def test_a_tile_that_overflows_is_done_again_and_is_never_a_black_one() -> None:
    half = Placement(torch.device("cpu"), torch.float16)
    tile = torch.rand(3, 8, 8)
    assert not torch.isfinite(Loud().half()(tile[None].half())).all(), "the network stands for one that overflows"
    enlarged = UpscalerNetwork(Loud().half(), 2, half)(tile)
    assert enlarged.shape == (3, 16, 16)
    torch.testing.assert_close(enlarged[:, ::2, ::2], tile, rtol=0, atol=1e-3)
    with pytest.raises(Unstable, match="Choose another"):
        UpscalerNetwork(Loud(damaged=True).half(), 2, half)(tile)
