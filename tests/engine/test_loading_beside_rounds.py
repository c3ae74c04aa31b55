"""A checkpoint that is loaded for one picture holds nobody else's up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from studio.engine import chassis, loads, step_engine, tensor_reading
from studio.engine.chassis import Chassis
from studio.engine.denoiser import Denoiser
from studio.engine.load import inspect_checkpoint
from studio.engine.residency import Residency
from studio.engine.step_engine import StepEngine
from studio.engine.weights import read_weights
from studio.recipe.adapters import Adapter
from studio.recipe.events import Event, ModelLoading, PictureDone, PictureOrder, PictureStarted, PictureStep
from tests.engine.conftest import CPU, finished
from tests.engine.pretended_card import PretendedCard
from tests.engine.recipes import finish, order, resolved
from tests.engine.test_adapters import lora
from tests.toys import toy_checkpoint

CARD = PretendedCard()
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
    monkeypatch.setattr(loads, "time", now)
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
    spent_s = [event.spent_s for said in told for event in said if isinstance(event, ModelLoading)]
    assert spent_s == list(range(1, sum(stages) + 1)), "a second for each stage: the rounds between them are not in it"
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


def test_putting_weights_in_and_wearing_adapters_are_cut_too(
    toy: Path, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chassis, "COPIED_AT_ONCE", 100_000)
    monkeypatch.setattr(chassis, "PATCHED_AT_ONCE", 2)
    looked_at = inspect_checkpoint(other)
    worn = lora(tmp_path / "one.safetensors", Chassis(looked_at, dict.fromkeys(looked_at.components, CPU)), "kohya")
    adapters = (Adapter(name="one", sha256="one"),)
    engine = StepEngine(CARD, Residency(CARD, 10**10))
    engine.submit(order(toy, "here", steps=500))
    while not engine.step() or not engine._round:
        pass
    engine.submit(PictureOrder("there", 0, resolved(adapters=adapters), other, files={"one": worn}))
    told: list[list[Event]] = []
    while not any(isinstance(event, PictureStarted) for event in (told[-1] if told else ())):
        told.append(engine.step())
    fractions = [event.fraction for said in told for event in said if isinstance(event, ModelLoading)]
    assert fractions.count(0.9) > 5 and fractions.count(0.95) > 5 and fractions == sorted(fractions)
    assert all(any(isinstance(event, PictureStep) for event in said) for said in told[:-1])
    engine.close()


def test_what_is_given_up_midway_is_waited_for(other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies may still be reading from memory that is used again at once."""
    monkeypatch.setattr(chassis, "COPIED_AT_ONCE", 100_000)
    looked_at = inspect_checkpoint(other)
    placements = dict.fromkeys(looked_at.components, CPU)
    made, waited = Chassis(looked_at, placements, copies=True), []
    weights = finished(read_weights(looked_at, made.skeleton, placements))
    monkeypatch.setattr(made, "_wait", lambda: waited.append(True))
    putting = made.putting(weights)
    next(putting)
    assert not waited
    putting.close()
    assert waited == [True]
