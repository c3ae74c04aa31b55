"""What is where, from the worker's reports and the library, and what changing to another checkpoint costs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.recipe.events import MemoryReport, ModelLoading, Resident, WorkerReady
from studio.services import Studio, build_studio
from studio.settings import load_settings
from studio.whereabouts import Memory


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    built = build_studio(load_settings(home=tmp_path / "home", engine="fake"))
    yield built
    built.close()


class Worker:
    """What a worker last said."""

    report: MemoryReport | None = None
    ready: WorkerReady | None = None


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def memory(studio: Studio, worker: Worker, tmp_path: Path) -> Memory:
    return Memory(studio.library, lambda: worker.report, lambda: worker.ready, tmp_path / "no" / "models")


def test_before_the_worker_says_anything(memory: Memory) -> None:
    now = memory.now()
    assert now.device is None and now.models == () and now.automatic == "starter"
    assert now.host.total_bytes > now.host.free_bytes > 0 and now.disk.free_bytes > 0
    assert now.costs["starter"].place == "disk" and now.costs["starter"].seconds is None
    assert now.disk.used_bytes >= now.costs["starter"].bytes > 1_000_000


def test_what_the_worker_holds(memory: Memory, worker: Worker, studio: Studio) -> None:
    starter, night = (studio.library.find(name, hashed=False) for name in ("starter", "starter-night"))
    worker.ready = WorkerReady("cuda:0", "A card", 8_000_000_000)
    held = (Resident(str(starter.path), 37, 38, True), Resident(str(night.path), 0, 38, False))
    worker.report = MemoryReport(500, 900, (*held, Resident("/gone/old.safetensors", 0, 5, False)), 6_000, 7_000, 400)
    now = memory.now()
    assert now.device is not None
    assert (now.device.total_bytes, now.device.used_bytes, now.device.free_bytes) == (8_000_000_000, 500, 400)
    assert (now.device.budget_bytes, now.host.budget_bytes, now.host.used_bytes) == (6_000, 7_000, 900)
    assert [model["name"] for model in now.models] == ["starter", "starter-night", "old.safetensors"]
    assert (now.costs["starter"].place, now.costs["starter"].bytes) == ("ready", 0)
    assert now.costs["starter-night"].place == "memory"


def test_a_load_tells_what_the_next_one_will_cost(memory: Memory) -> None:
    assert memory.load_times({"starter"}) == {}, "before there is a measure"
    began = time.monotonic()
    memory.heard(ModelLoading("starter", 0.0, "job"))
    time.sleep(0.05)
    memory.heard(ModelLoading("starter", 0.5, "job"))
    memory.heard(ModelLoading("starter", 1.0, "job"))
    memory.heard(ModelLoading("never heard of", 0.0, "job"))
    took_s = time.monotonic() - began
    costs = memory.now().costs
    starter, night = costs["starter"], costs["starter-night"]
    assert starter.seconds is not None and 0.05 <= starter.seconds <= took_s
    assert night.seconds == pytest.approx(starter.seconds * night.bytes / starter.bytes)
    memory.heard(ModelLoading("starter", 0.0, "job"))
    time.sleep(0.02)
    memory.heard(ModelLoading("starter", 1.0, "job", 0.001))
    beside = memory.now().costs["starter"].seconds
    assert beside is not None and beside < starter.seconds / 2, "what others took meanwhile is not in it"
    night = memory.now().costs["starter-night"]
    assert memory.load_times({"starter-night", "nobody"}) == {"starter-night": night.seconds}
