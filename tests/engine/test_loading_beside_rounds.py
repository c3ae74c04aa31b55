"""A checkpoint that is loaded for one picture holds nobody else's up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from studio.engine import step_engine, tensor_reading
from studio.engine.denoiser import Denoiser
from studio.engine.residency import Residency
from studio.engine.step_engine import StepEngine
from studio.recipe.events import Event, ModelLoading, PictureDone, PictureStarted, PictureStep
from tests.engine.conftest import CPU
from tests.engine.recipes import finish, order
from tests.toys import toy_checkpoint

ROUND_S = 10.0


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_checkpoint(tmp_path_factory.mktemp("others") / "other", size_px=64, seed=9)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Loading takes hundreds of stages of a second, each network call `ROUND_S`; nothing else takes time."""
    monkeypatch.setattr(tensor_reading, "PIECE_BYTES", 4000)
    monkeypatch.setattr(tensor_reading, "PIECES_AT_ONCE", 1)
    now = SimpleNamespace(seconds=0.0, monotonic=lambda: now.seconds)
    monkeypatch.setattr(step_engine, "time", now)
    _takes(monkeypatch, now, Denoiser, "__call__", ROUND_S)
    _takes(monkeypatch, now, Residency, "advance", 1.0)
    yield now


def _takes(monkeypatch: pytest.MonkeyPatch, now: SimpleNamespace, owner: type, name: str, seconds: float) -> None:
    real = getattr(owner, name)

    def timed(*arguments: Any, **named: Any) -> Any:
        now.seconds += seconds
        return real(*arguments, **named)

    monkeypatch.setattr(owner, name, timed)


def engine_of(live_pictures: int) -> StepEngine:
    return StepEngine(CPU, Residency(CPU, 10**10), live_pictures)


def begun(events: list[Event]) -> list[str]:
    return [event.job_id for event in events if isinstance(event, PictureStarted)]


def test_rounds_and_loading_share_the_time(toy: Path, other: Path) -> None:
    engine = engine_of(8)
    engine.submit(order(toy, "here", steps=500))
    while not engine.step() or not engine._round:
        pass
    engine.submit(order(other, "there"))
    told: list[list[Event]] = []
    while not any(isinstance(event, PictureStarted) for event in (told[-1] if told else ())):
        told.append(engine.step())
    rounds = [sum(isinstance(event, PictureStep) for event in said) for said in told]
    stages = [sum(isinstance(event, ModelLoading) for event in said) for said in told]
    assert sum(rounds) >= 10 and sum(stages) >= 100
    assert set(rounds[:-1]) == {1}, "one round after each piece of loading"
    assert set(stages[:-1]) == {int(ROUND_S)}, "which takes as long as a round"
    engine.close()


def test_loading_is_told_stage_by_stage_where_nobody_else_is(toy: Path, other: Path) -> None:
    engine = engine_of(8)
    engine.submit(order(toy, "here", steps=2))
    finish(engine)
    engine.submit(order(other, "there"))
    while not begun(said := engine.step()):
        assert sum(isinstance(event, ModelLoading) for event in said) <= 1
    engine.close()


def test_who_needs_what_is_there_goes_before_and_a_place_is_kept(toy: Path, other: Path) -> None:
    engine = engine_of(3)
    engine.submit(order(toy, "first", steps=500))
    while not engine.step() or not engine._round:
        pass
    for name, checkpoint in (("there", other), ("second", toy), ("third", toy)):
        engine.submit(order(checkpoint, name, steps=500))
    events: list[Event] = []
    while "there" not in begun(events):
        events += engine.step()
    assert begun(events) == ["second", "there"]
    assert not any(isinstance(event, PictureDone) for event in events)
    engine.close()
