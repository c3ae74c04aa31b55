"""When a rest is long enough to give memory back, on a clock of the test's own."""

from __future__ import annotations

from pathlib import Path

from studio.jobs import Located
from studio.jobs.idleness import Idleness
from studio.recipe.events import PreloadOrder
from tests.jobs.parts import Parts, resolved, wait_for


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_rest_is_due_once() -> None:
    clock = Clock()
    idleness = Idleness(60, clock)
    assert idleness.wait_s() is None and not idleness.take()  # nothing was ever done: there is nothing to give back
    idleness.note(is_busy=True)
    assert idleness.wait_s() is None
    idleness.note(is_busy=False)
    clock.now_s += 59
    idleness.note(is_busy=False)
    assert idleness.wait_s() == 1 and not idleness.take()
    clock.now_s += 1
    assert idleness.take() and not idleness.take() and idleness.wait_s() is None
    idleness.note(is_busy=True)
    idleness.note(is_busy=False)
    clock.now_s += 60
    assert idleness.take()


def test_work_begins_the_rest_anew() -> None:
    clock = Clock()
    idleness = Idleness(60, clock)
    idleness.note(is_busy=False)
    clock.now_s += 59
    idleness.note(is_busy=True)
    clock.now_s += 5
    idleness.note(is_busy=False)
    assert idleness.wait_s() == 60


def test_never(tmp_path: Path) -> None:
    idleness = Idleness(0)
    idleness.note(is_busy=False)
    assert idleness.wait_s() is None and not idleness.take()


def test_a_worker_at_rest_gives_its_memory_back(tmp_path: Path) -> None:
    parts = Parts.build(tmp_path, idle_unload_s=0.2)
    parts.dispatcher.start()
    try:
        parts.finished(parts.dispatcher.enqueue("local", resolved()).id)
        wait_for(lambda: parts.supervisor.memory is not None and parts.supervisor.memory.residents == ())
        parts.finished(parts.dispatcher.enqueue("local", resolved()).id)  # and loads again when there is work
    finally:
        parts.close()


def test_the_next_checkpoint_is_asked_for_ahead(tmp_path: Path) -> None:
    files = {"c" * 64: Path("/models/soft.safetensors")}
    parts = Parts.build(
        tmp_path,
        live_pictures=1,
        seconds_per_step=0.05,
        locate=lambda recipe: Located(Path("/models") / recipe.checkpoint, files),
    )
    told: list[PreloadOrder] = []
    send = parts.supervisor.preload
    parts.supervisor.preload = lambda order: (told.append(order), send(order))[1]  # type: ignore[method-assign]
    one = resolved()
    other = resolved(
        checkpoint="other", checkpoint_sha256="b" * 64, vae_sha256="c" * 64, prediction="v_prediction", zero_snr=True
    )
    jobs = [parts.queue.enqueue("local", recipe).id for recipe in (one, one, other, other)]
    parts.dispatcher.start()
    try:
        for job in jobs:
            parts.finished(job)
        assert told == [PreloadOrder(other, Path("/models/other"), files)], "all that decides what its pictures wear"
    finally:
        parts.close()
