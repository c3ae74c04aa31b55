"""A stage that is stopped goes on as if it had not been."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from studio.training.errors import StageDamaged
from studio.training.stage import Stage, StageSettings

SETTINGS = StageSettings("toy", minutes=60, learning_rate=1e-2, seed=3, warm_up_steps=5)


class Stopped(Exception):
    """Stands for a person pressing Ctrl+C."""


def new_stage(folder: Path, settings: StageSettings = SETTINGS) -> Stage:
    torch.manual_seed(0)
    return Stage(settings, {"net": nn.Linear(4, 4)}, folder, lambda _: None)


def run_until(stage: Stage, last: int) -> None:
    """Train up to step `last`, save, and stop as if killed."""

    def learn(step: int, generator: torch.Generator) -> Tensor:
        if step == last:
            raise Stopped
        inputs = torch.randn(8, 4, generator=generator)
        return (stage.modules["net"](inputs) - inputs.flip(1)).square().mean()

    with pytest.raises(Stopped):
        stage.run(learn)
    stage.save()


def test_a_stopped_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole, first = new_stage(tmp_path / "whole"), new_stage(tmp_path / "parts")
    run_until(whole, 20)
    run_until(first, 9)
    second = new_stage(tmp_path / "parts")
    assert second.step == 9
    run_until(second, 20)
    for name, weight in whole.modules["net"].state_dict().items():
        assert torch.equal(weight, second.modules["net"].state_dict()[name])
        assert torch.equal(whole.average.weights[f"net.{name}"], second.average.weights[f"net.{name}"])


def test_it_learns_and_leaves_the_average_in_the_module(tmp_path: Path) -> None:
    stage = new_stage(tmp_path, StageSettings("toy", minutes=1 / 60, learning_rate=1e-2, average_decay=0.9))

    def learn(_: int, generator: torch.Generator) -> Tensor:
        inputs = torch.randn(32, 4, generator=generator)
        return (stage.modules["net"](inputs) - inputs.flip(1)).square().mean()

    before = float(learn(0, torch.Generator().manual_seed(0)).detach())
    stage.run(learn)
    assert stage.finished
    assert float(learn(0, torch.Generator().manual_seed(0)).detach()) < before / 2
    assert torch.equal(stage.modules["net"].state_dict()["weight"], stage.average.weights["net.weight"])
    with Image.open(tmp_path / "toy.png") as curve:
        assert curve.size == (640, 320)


def test_a_finished_stage_does_nothing_more(tmp_path: Path) -> None:
    stage = new_stage(tmp_path)
    stage.spent_s = 3600.0
    stage.save()
    again = new_stage(tmp_path)
    again.run(lambda *_: pytest.fail("a finished stage must not train"))
    assert again.finished


def test_a_stage_file_of_other_networks_is_refused(tmp_path: Path) -> None:
    new_stage(tmp_path).save()
    with pytest.raises(StageDamaged, match="Delete it"):
        Stage(SETTINGS, {"net": nn.Linear(5, 5)}, tmp_path, lambda _: None)


def test_the_learning_rate_warms_up_and_falls(tmp_path: Path) -> None:
    stage = new_stage(tmp_path)
    rates = []
    for step, spent_s in ((0, 0.0), (100, 900.0), (100, 2700.0), (100, 3600.0)):
        stage.step, stage.spent_s = step, spent_s
        stage._set_learning_rate()
        rates.append(stage.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([1e-2 / 5, 1e-2, 1e-2 * 0.51, 1e-2 * 0.02])
