"""Whose the device's time was: shares of rounds, own work, and nothing for waiting."""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.engine.build import create_engine
from studio.engine.fake import create_fake_engine
from studio.engine.meter import Meter
from studio.engine.protocol import Engine
from studio.recipe.events import PictureDone, PictureStarted, PictureStep, TimeSpent
from tests.engine.recipes import finish, order


def test_seconds_are_split_by_weight_and_told_once(tmp_path: Path) -> None:
    meter = Meter(clock=itertools.count(step=3.0).__next__)
    first, second = order(tmp_path, "first"), order(tmp_path, "second", 4)
    with meter.charge([first, second], [2, 1]):
        pass
    with pytest.raises(ZeroDivisionError), meter.charge([first]):
        raise ZeroDivisionError
    assert meter.take() == [TimeSpent((("first", 0, 5.0), ("second", 4, 1.0)))]
    assert meter.take() == []


def spent(engine: Engine) -> dict[str, float]:
    seconds: dict[str, float] = defaultdict(float)
    for event in finish(engine):
        for job_id, _, share in event.shares if isinstance(event, TimeSpent) else ():
            seconds[job_id] += share
    return seconds


def test_a_picture_pays_for_its_share_of_the_rounds_and_not_for_waiting(toy: Path) -> None:
    engine = create_engine("cpu", live_pictures=4)
    engine.submit(order(toy, "warm", steps=2))
    spent(engine)
    for job_id, steps, guidance in [("long", 24, 5.0), ("short", 8, 5.0), ("half", 24, 1.0), ("large", 24, 5.0)]:
        size = 256 if job_id == "large" else 64
        engine.submit(order(toy, job_id, steps=steps, guidance_scale=guidance, width_px=size, height_px=size))
    began_s = time.perf_counter()
    seconds = spent(engine)
    elapsed_s = time.perf_counter() - began_s
    assert 0.8 * elapsed_s < sum(seconds.values()) <= elapsed_s
    assert seconds["short"] < seconds["long"] < seconds["large"]
    assert seconds["half"] < seconds["long"]


@pytest.mark.parametrize("create", [create_engine, lambda **options: create_fake_engine(seconds_per_step=0, **options)])
def test_one_that_comes_at_once_takes_part_in_the_very_next_round(toy: Path, create: Callable[..., Engine]) -> None:
    engine = create(device="cpu", live_pictures=2)
    for index in range(6):
        engine.submit(order(toy, "grid", index, steps=9))
    while sum(isinstance(event, PictureStep) for event in engine.step()) < 2:
        pass
    engine.submit(order(toy, "polite", steps=2))
    engine.submit(order(toy, "one", steps=2, at_once=True))
    said, rounds = [], 0
    while not any(isinstance(event, PictureStep) and event.job_id == "one" for event in said):
        said = engine.step()
        rounds += any(isinstance(event, PictureStep) for event in said)
    assert rounds == 1
    rest = finish(engine)
    order_of_start = [event.job_id for event in rest if isinstance(event, PictureStarted)]
    assert order_of_start == ["grid"] * 4 + ["polite"]
    assert sum(isinstance(event, PictureDone) for event in rest) == 8
