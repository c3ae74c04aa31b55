"""What measures swaps sees what it should: both ways, both states of the cache, memory, and traces that are there."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.engine import bench_models
from studio.engine.bench_models import bench_swaps
from studio.engine.bench_traces import traces_left
from studio.engine.chassis import Chassis, Patches
from studio.engine.residency import Residency
from studio.engine.weights import Weights
from studio.errors import UnsupportedModel
from tests.engine.conftest import CPU
from tests.toys import toy_checkpoint


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return toy_checkpoint(tmp_path / "other", size_px=64, seed=9)


def test_a_report_has_everything(toy: Path, other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_models, "SWAPS", 6)
    report = bench_swaps(toy, other, repeats=1, device="cpu", worn_times=2)
    assert report.warm_ratio == report.warm_s / report.copy_s > 0 < report.pointed_s
    assert [one.cached for one in report.cold] == [True, False]
    assert all(ratio > 0 for ratio in report.cold_ratios) and len(report.cold_ratios) == 2
    assert report.traces.same_picture and report.traces.changed_by_loras and report.traces.same_weights
    assert report.host_growth < 0.03


def test_memory_that_is_not_given_back_is_seen(toy: Path, other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_models, "SWAPS", 12)
    settled, after = bench_models._switched((toy, other), CPU, 10**9)[1:]
    assert after[0] / settled[0] < 1.03
    begin, kept = Residency.begin, []

    def leaking(self: Residency, *given: Any) -> bool:
        kept.append(torch.ones(5_000_000))
        return begin(self, *given)

    monkeypatch.setattr(Residency, "begin", leaking)
    settled, after = bench_models._switched((toy, other), CPU, 10**9)[1:]
    assert after[0] / settled[0] > 1.03


def test_traces_in_weights_are_seen(toy: Path, other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chassis that takes adapters off by arithmetic, as others do, leaves its bits changed."""
    wear = Chassis.wear

    def sloppy(self: Chassis, patches: Patches) -> None:
        wear(self, patches)
        if not patches:
            self.parameter("unet", next(iter(self.skeleton["unet"]))).mul_(1.001)

    monkeypatch.setattr(Chassis, "wear", torch.inference_mode()(sloppy))
    assert not traces_left(toy, other, CPU, 2).same_weights


def test_traces_in_a_picture_are_seen(toy: Path, other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chassis in which every swap leaves a little."""
    putting, puts = Chassis.putting, 0

    def sloppy(self: Chassis, weights: Weights) -> Generator[None, None, None]:
        nonlocal puts
        yield from putting(self, weights)
        puts += 1
        self.parameter("unet", "conv_out.weight").mul_(1 + 0.05 * puts)

    monkeypatch.setattr(Chassis, "putting", torch.inference_mode()(sloppy))
    assert not traces_left(toy, other, CPU, 1).same_picture


def test_other_architectures_are_refused(toy: Path, tmp_path: Path) -> None:
    inpainting = toy_checkpoint(tmp_path / "nine", size_px=64, inpainting=True)
    with pytest.raises(UnsupportedModel, match="built differently"):
        bench_swaps(toy, inpainting, repeats=1, device="cpu")
