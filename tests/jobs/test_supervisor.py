"""The worker process and its keeper: real processes, real signals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from studio.jobs import Supervisor
from studio.jobs.supervisor import Lost
from studio.recipe.events import (
    CancelOrder,
    Event,
    MemoryReport,
    PictureCancelled,
    PictureDone,
    PictureFailed,
    PictureOrder,
    PictureStarted,
    PictureStep,
    WorkerReady,
)
from tests.jobs.parts import FAKE, is_gone, resolved, wait_for

ENGINES = "tests.jobs.engines"


class Heard:
    """Everything a supervisor said."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.lost: list[Lost] = []
        self.threads: set[str] = set()

    def hear(self, events: list[Event]) -> None:
        self.threads.add(threading.current_thread().name)
        self.events += events

    def lose(self, lost: Lost) -> None:
        self.threads.add(threading.current_thread().name)
        self.lost.append(lost)

    def of(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


def order(index: int = 0, job_id: str = "j", **fields: object) -> PictureOrder:
    return PictureOrder(job_id, index, resolved(**fields), Path("/models/toy"))


@pytest.fixture
def heard() -> Heard:
    return Heard()


class FullPipe:
    """The end of a pipe that takes nothing before it is told to."""

    def __init__(self) -> None:
        self.taken: list[object] = []
        self.tried, self.drained = threading.Event(), threading.Event()

    def send(self, message: object) -> None:
        self.tried.set()
        assert self.drained.wait(20)
        self.taken.append(message)


def ready_without_process(pipe: FullPipe) -> Supervisor:
    supervisor = Supervisor(FAKE, {})
    supervisor._ready, supervisor._connection = WorkerReady("cpu", "", 0), pipe  # type: ignore[assignment]
    return supervisor


def test_a_worker_whose_pipe_is_full_is_heard_all_the_same() -> None:
    """It may take nothing before what it says is heard: then both would wait for ever."""
    pipe = FullPipe()
    supervisor = ready_without_process(pipe)
    submitting = threading.Thread(target=supervisor.submit, args=(order(),))
    submitting.start()
    assert pipe.tried.wait(20)
    hearing = threading.Thread(target=supervisor._note, args=([PictureStarted("j", 0)],), daemon=True)
    hearing.start()
    hearing.join(20)
    is_heard = not hearing.is_alive()
    pipe.drained.set()
    submitting.join()
    assert is_heard and len(pipe.taken) == 1


def test_what_was_given_to_a_worker_that_died_is_not_given_to_the_next_one_too() -> None:
    first, second = FullPipe(), FullPipe()
    first.drained.set()
    second.drained.set()
    supervisor = ready_without_process(first)
    with supervisor._sending:
        submitting = threading.Thread(target=supervisor.submit, args=(order(),))
        submitting.start()
        wait_for(lambda: supervisor._inside)  # from here on a death gives it back to the queue
        with supervisor._lock:
            supervisor._connection = second  # type: ignore[assignment]
    submitting.join()
    assert first.taken == second.taken == []


@pytest.fixture
def supervisor(heard: Heard) -> Iterator[Supervisor]:
    supervisor = Supervisor(FAKE, {"seconds_per_step": 0.02, "live_pictures": 2})
    supervisor.start(heard.hear, heard.lose)
    wait_for(lambda: supervisor.status == "ready")
    yield supervisor
    supervisor.close()


def test_a_worker_makes_pictures_and_leaves_nothing_behind(heard: Heard) -> None:
    before = set(threading.enumerate())
    supervisor = Supervisor(FAKE, {"seconds_per_step": 0.001})
    assert (supervisor.status, supervisor.pid) == ("starting", None)
    supervisor.start(heard.hear, heard.lose)
    assert not supervisor.submit(order()), "it cannot take a picture before it is ready"
    wait_for(lambda: supervisor.status == "ready")
    pid = supervisor.pid
    assert pid is not None and pid != os.getpid()
    assert supervisor.ready == heard.of(WorkerReady)[0]
    assert supervisor.submit(order())
    wait_for(lambda: heard.of(PictureDone))
    assert len(heard.of(PictureStarted)) == 1
    wait_for(lambda: supervisor.memory is not None)
    assert all(isinstance(one, MemoryReport) and one.host_bytes > 10**7 for one in heard.of(MemoryReport))
    assert heard.threads == {"supervisor"}
    supervisor.close()
    supervisor.close()
    assert is_gone(pid)
    assert set(threading.enumerate()) <= before
    assert heard.lost == []
    assert not supervisor.submit(order())


def test_the_worker_inherits_no_socket_and_outlives_signals_to_the_group(supervisor: Supervisor, heard: Heard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        first = supervisor.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)  # the next one starts while the socket is open
        wait_for(lambda: supervisor.status == "ready" and supervisor.pid not in (None, first))
        worker = psutil.Process(supervisor.pid)
        port = server.getsockname()[1]
        assert not [one for one in worker.net_connections("inet") if one.laddr and one.laddr.port == port]
        worker.send_signal(signal.SIGINT)
        worker.send_signal(signal.SIGTERM)
        assert supervisor.submit(order(steps=2))
        wait_for(lambda: heard.of(PictureDone))
        assert supervisor.pid == worker.pid


def test_a_killed_worker_is_replaced_and_what_it_had_is_reported(supervisor: Supervisor, heard: Heard) -> None:
    for index in range(4):
        supervisor.submit(order(index, steps=500))
    wait_for(lambda: len(heard.of(PictureStarted)) == 2)
    pid = supervisor.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: heard.lost)
    lost = heard.lost[0]
    assert (lost.started, lost.waiting) == ((("j", 0), ("j", 1)), (("j", 2), ("j", 3)))
    assert "SIGKILL" in lost.reason
    wait_for(lambda: supervisor.status == "ready" and supervisor.pid not in (None, pid))
    assert supervisor.submit(order(9, steps=2))
    wait_for(lambda: heard.of(PictureDone))


def test_cancel_takes_effect_within_a_step(supervisor: Supervisor, heard: Heard) -> None:
    supervisor.submit(order(0, steps=500))
    supervisor.submit(order(1, steps=500))
    wait_for(lambda: len(heard.of(PictureStarted)) == 2)
    supervisor.cancel(CancelOrder("j"))
    before = len(heard.of(PictureStep))
    wait_for(lambda: len(heard.of(PictureCancelled)) == 2)
    assert len(heard.of(PictureStep)) - before <= 40, "some may have been made, and not been heard, before"
    supervisor.cancel(CancelOrder("never-was"))


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        (f"{ENGINES}:refuses_to_start", "There is no such device. Choose --device cpu."),
        (f"{ENGINES}:dies_while_starting", "SIGKILL"),
    ],
)
def test_a_worker_that_cannot_start_says_why(factory: str, words: str, heard: Heard) -> None:
    supervisor = Supervisor(factory, {})
    supervisor.start(heard.hear, heard.lose)
    wait_for(lambda: supervisor.status == "failed")
    assert supervisor.reason is not None and words in supervisor.reason
    supervisor.close()


def test_a_failed_worker_is_tried_again_on_request(heard: Heard, tmp_path: Path) -> None:
    file = tmp_path / "driver"
    supervisor = Supervisor(f"{ENGINES}:starts_once_there_is", {"file": str(file)})
    supervisor.start(heard.hear, heard.lose)
    wait_for(lambda: supervisor.status == "failed")
    file.touch()
    supervisor.retry()
    wait_for(lambda: supervisor.status == "ready")
    assert supervisor.reason is None
    supervisor.close()


def test_errors_that_an_engine_lets_out_become_words(heard: Heard) -> None:
    supervisor = Supervisor(f"{ENGINES}:troubled", {})
    supervisor.start(heard.hear, heard.lose)
    wait_for(lambda: supervisor.status == "ready")
    supervisor.submit(order(0, prompt="!unsupported"))
    wait_for(lambda: heard.of(PictureFailed))
    assert heard.of(PictureFailed) == [PictureFailed("j", 0, "unsupported_model", "This is a model for sound.")]
    supervisor.submit(order(1, prompt="!defect"))
    wait_for(lambda: heard.lost)
    assert heard.lost[0] == Lost((("j", 1),), (), "ZeroDivisionError: a defect of the engine")
    supervisor.close()


def test_a_death_while_loading_is_blamed_on_the_job_that_was_loading(heard: Heard) -> None:
    supervisor = Supervisor(f"{ENGINES}:troubled", {})
    supervisor.start(heard.hear, heard.lose)
    wait_for(lambda: supervisor.status == "ready")
    supervisor.submit(order(0, "innocent", prompt="!patient"))
    supervisor.submit(order(0, "big", prompt="!loadcrash"))
    supervisor.submit(order(1, "big", prompt="!loadcrash"))
    wait_for(lambda: heard.lost)
    assert heard.lost[0].started == (("big", 0), ("big", 1))
    assert heard.lost[0].waiting == (("innocent", 0),)
    supervisor.close()


DRIVER = """
import sys, time
from studio.jobs import Supervisor
if __name__ == "__main__":
    supervisor = Supervisor("studio.engine.fake:create_fake_engine", {"seconds_per_step": float(sys.argv[1])})
    supervisor.start(lambda events: None, lambda lost: None)
    while supervisor.status != "ready":
        time.sleep(0.01)
    from pathlib import Path
    from studio.recipe.events import PictureOrder
    from tests.jobs.parts import resolved
    supervisor.submit(PictureOrder("j", 0, resolved(), Path("toy")))
    time.sleep(0.2)
    print(supervisor.pid, flush=True)
    time.sleep(float(sys.argv[2]))
"""


def run_driver(tmp_path: Path, seconds_per_step: float, stays_s: float) -> tuple[subprocess.Popen[str], int]:
    script = tmp_path / "driver.py"
    script.write_text(textwrap.dedent(DRIVER))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    driver = subprocess.Popen(
        [sys.executable, str(script), str(seconds_per_step), str(stays_s)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert driver.stdout is not None
    return driver, int(driver.stdout.readline())


def test_the_worker_dies_with_its_parent_even_in_the_middle_of_a_step(tmp_path: Path) -> None:
    driver, worker = run_driver(tmp_path, seconds_per_step=600, stays_s=600)
    with driver:
        assert not is_gone(worker)
        driver.kill()
        driver.wait()
        wait_for(lambda: is_gone(worker))  # long before its step is through


def test_a_parent_that_forgets_to_close_still_ends(tmp_path: Path) -> None:
    driver, worker = run_driver(tmp_path, seconds_per_step=0.1, stays_s=0)
    with driver:
        assert driver.wait(timeout=60) == 0
        wait_for(lambda: is_gone(worker))
