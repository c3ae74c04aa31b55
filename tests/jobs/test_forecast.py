"""When jobs should begin and end, loads of checkpoints among it, against sums done by hand."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from studio.jobs import JobView
from studio.jobs.forecast import Ahead, Expected, forecast
from tests.jobs.parts import Parts, resolved, wait_for


def job(name: str, owner: str = "ada", waiting: int = 1, *, running_s: tuple[float, ...] = (), load_s: float = 0.0,
        checkpoint: str = "a") -> Ahead:  # fmt: skip
    """One whose pictures take 10 seconds."""
    return Ahead(name, owner, running_s, waiting, 10.0, 10.0, checkpoint, load_s)


def times(*jobs: Ahead, places: int = 1) -> dict[str, tuple[float, float]]:
    found: Mapping[str, Expected] = forecast(jobs, {}, places)
    return {name: (one.starts_in_s, one.ends_in_s) for name, one in found.items()}


def test_without_loads_pictures_follow_each_other() -> None:
    assert times(job("one", waiting=2), job("two")) == {"one": (0, 20), "two": (20, 30)}
    assert times(job("one", waiting=2), job("two"), places=2) == {"one": (0, 10), "two": (10, 20)}


def test_a_load_comes_before_the_first_picture_of_its_checkpoint_alone() -> None:
    b = {"checkpoint": "b", "load_s": 7.0}
    assert times(job("one"), job("two", **b), job("three", **b), job("four")) == {  # type: ignore[arg-type]
        "one": (0, 10), "two": (17, 27), "three": (27, 37), "four": (37, 47),
    }  # fmt: skip


def test_a_load_and_what_is_on_its_way_beside_it_have_half_of_the_time_each() -> None:
    """Two places: while the second picture's checkpoint is loaded, the first is made, both half as fast."""
    b = {"checkpoint": "b", "load_s": 7.0}
    assert times(job("one"), job("two", **b), places=2) == {"one": (0, 17), "two": (14, 24)}  # type: ignore[arg-type]
    started = job("one", waiting=0, running_s=(4.0,))
    assert times(started, job("two", **b), places=2) == {"one": (0, 8), "two": (11, 21)}  # type: ignore[arg-type]
    # one place, and somebody else who needs no free one
    other = job("two", "ben", **b)  # type: ignore[arg-type]
    assert times(started, other) == {"one": (0, 8), "two": (11, 21)}


def test_whoever_needs_what_is_there_need_not_wait_for_a_load() -> None:
    b, c = {"checkpoint": "b", "load_s": 7.0}, {"checkpoint": "c", "load_s": 5.0}
    jobs = job("one", **b), job("two"), job("three", **c)  # type: ignore[arg-type]
    assert times(*jobs[:2], places=2) == {"one": (7, 17), "two": (0, 10)}
    # the second load begins at 7, when the first is done, and slows both down for as long as they last beside it
    assert times(*jobs, places=3) == {"one": (7, 22), "two": (0, 13), "three": (17, 27)}


def test_what_is_on_its_way_waits_for_its_own_load_first() -> None:
    loading = job("one", waiting=1, running_s=(10.0,), load_s=3.0)
    also = job("two", waiting=0, running_s=(10.0,), load_s=3.0)
    assert times(loading, also, places=2) == {"one": (0, 23), "two": (0, 13)}
    begun = job("two", waiting=0, running_s=(2.0,), load_s=0.0)
    assert times(loading, begun, places=2) == {"one": (0, 12), "two": (0, 2)}, "it is there: somebody uses it"


@pytest.mark.parametrize("load_s", [0.0, 30.0])
def test_the_queue_says_so(tmp_path: Path, load_s: float) -> None:
    asked: list[set[str]] = []

    def load_times(names: Collection[str]) -> dict[str, float]:
        asked.append(set(names))
        return {"other": load_s}

    parts = Parts.build(tmp_path / "home", live_pictures=1, seconds_per_step=0.05, load_times=load_times)
    parts.dispatcher.start()
    try:
        first = parts.dispatcher.enqueue("local", resolved(steps=2))
        parts.finished(first.id)
        parts.dispatcher.enqueue("local", resolved(steps=200))
        there = parts.dispatcher.enqueue("local", resolved(steps=20))
        other = parts.dispatcher.enqueue("local", resolved(steps=20, checkpoint="other", checkpoint_sha256="b" * 64))
        wait_for(lambda: any(_steps(entry.view) for entry in parts.dispatcher.overview("local").own))
        told = {entry.view.id: entry.expected for entry in parts.dispatcher.overview("local").own}
    finally:
        parts.close()
    before, after = told[there.id], told[other.id]
    assert before is not None and after is not None and before.starts_in_s > 0
    assert after.starts_in_s - before.ends_in_s == pytest.approx(load_s, abs=1e-6)
    assert {"toy", "other"} in asked


def _steps(view: JobView) -> int:
    return sum(picture.step for picture in view.pictures)
