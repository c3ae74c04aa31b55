"""Estimates of the time left, against sums done by hand."""

from __future__ import annotations

import pytest

from studio.jobs.pace import Pace, kind_of
from tests.jobs.parts import resolved

KIND = kind_of(resolved())


def measured(step_s: float, tail_s: float, steps: int = 4) -> Pace:
    pace = Pace()
    for step in range(1, steps + 1):
        pace.stepped(("j", 0), KIND, step, 100 + step * step_s)
    pace.finished(("j", 0), KIND, 100 + steps * step_s + tail_s)
    return pace


def test_there_is_no_estimate_without_a_measure() -> None:
    pace = Pace()
    assert pace.seconds_left(KIND, [5], 0) is None
    pace.stepped(("j", 0), KIND, 1, 10.0)
    assert pace.seconds_left(KIND, [5], 0) is None, "one step says nothing: the time before it went into other things"
    assert measured(0.5, 1).seconds_left(kind_of(resolved(width_px=128)), [5], 0) is None
    assert measured(0.5, 1).seconds_left(KIND, [], 20) is None


@pytest.mark.parametrize(
    ("running", "waiting", "seconds"),
    [
        ([6], 0, 6 * 0.5 + 1),
        ([6, 2], 0, 6 * 0.5 + 1),  # side by side: the slowest counts
        ([6], 12, 18 * 0.5 + 1),  # one after the other
        ([6, 2], 12, 10 * 0.5 + 1),  # 20 steps on two lanes
    ],
)
def test_steps_ahead_are_shared_by_those_that_run(running: list[int], waiting: int, seconds: float) -> None:
    assert measured(0.5, 1).seconds_left(KIND, running, waiting) == pytest.approx(seconds)


def test_a_change_of_pace_shows_within_a_few_steps() -> None:
    pace = measured(0.5, 0)
    for step in range(1, 11):
        pace.stepped(("j", 1), KIND, step, 200 + step * 2.0)
    left_s = pace.seconds_left(KIND, [10], 0)
    assert left_s is not None and 18 < left_s < 20
