"""Keeps one worker process alive: starts it, listens, starts it again when it dies, and knows what it had in hand.

A worker that dies while starting is tried a few times, then it is left alone with the reason until somebody asks for
another try. It refuses to know the queue: what was lost goes to a callback.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, Literal

from studio.jobs import mutterings
from studio.jobs.worker import LastWords, work
from studio.recipe.events import (
    CancelOrder,
    Event,
    MemoryReport,
    ModelLoading,
    Order,
    PictureCancelled,
    PictureDone,
    PictureFailed,
    PictureOrder,
    PictureStarted,
    PreloadOrder,
    StopOrder,
    UnloadOrder,
    WorkerReady,
)

log = logging.getLogger(__name__)

Status = Literal["starting", "ready", "restarting", "failed"]

START_ATTEMPTS = 3
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0
STOP_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Lost:
    """What a dead worker had in hand, as keys of job and index: ``started`` may have killed it, ``waiting`` did not."""

    started: tuple[tuple[str, int], ...]
    waiting: tuple[tuple[str, int], ...]
    reason: str

    @property
    def keys(self) -> tuple[tuple[str, int], ...]:
        return (*self.started, *self.waiting)


class Supervisor:
    """One worker process that runs the engine ``factory`` ("module:function") with ``options``.

    All callbacks come from one thread, in the order in which things happened.
    """

    def __init__(self, factory: str, options: Mapping[str, Any]) -> None:
        self._factory, self._options = factory, dict(options)
        self._spawning = multiprocessing.get_context("spawn")
        self._lock = threading.Lock()  # guards what the worker has in hand, and whether it can be given more
        self._sending = threading.Lock()  # one message at a time on the pipe; never held around the other
        self._inside: dict[tuple[str, int], bool] = {}
        self._loading_job: str | None = None
        self._connection: Connection | None = None
        self._process: SpawnProcess | None = None
        self._lines: threading.Thread | None = None
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._nudged = threading.Event()
        self._status: Status = "starting"
        self._reason: str | None = None
        self._ready: WorkerReady | None = None
        self._memory: MemoryReport | None = None
        self._last_words: str | None = None

    @property
    def status(self) -> Status:
        """``starting``, ``ready``, ``restarting`` after a death, or ``failed`` when it will not start."""
        return self._status

    @property
    def reason(self) -> str | None:
        """Why it is not ready, in words; ``None`` when it is, or starts for the first time."""
        return self._reason

    @property
    def ready(self) -> WorkerReady | None:
        """The device, while the worker is ready."""
        return self._ready

    @property
    def memory(self) -> MemoryReport | None:
        """The worker's last memory report. Sums that came alone leave standing which checkpoints take them."""
        return self._memory

    @property
    def pid(self) -> int | None:
        """The id of the worker process, while there is one."""
        process = self._process
        return process.pid if process is not None else None

    def start(
        self,
        on_events: Callable[[list[Event]], None],
        on_lost: Callable[[Lost], None],
        on_status: Callable[[], None] = lambda: None,
    ) -> None:
        """Start the worker and keep it alive. It answers at once; `status` says how far it is."""
        assert self._thread is None, "a supervisor starts once"
        self._on_events, self._on_lost, self._on_status = on_events, on_lost, on_status
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._thread.start()
        # multiprocessing waits at exit for its children, and this child waits for nobody but its parent.
        atexit.register(self.close)

    def submit(self, order: PictureOrder) -> bool:
        """Give the worker a picture; ``False`` when it cannot take one now. From then on it is in the worker's hand."""
        with self._lock:
            if self._ready is None:
                return False
            self._inside[order.job_id, order.index] = False
            worker = self._connection
        # Not under the lock: a worker that has yet to take what is in a full pipe may itself wait until it is heard.
        self._send(order, worker)
        return True

    def cancel(self, order: CancelOrder) -> None:
        """Stop pictures within one step. Harmless when there are none."""
        self._send(order)

    def preload(self, order: PreloadOrder) -> None:
        """Load a checkpoint ahead of need."""
        self._send(order)

    def unload(self) -> None:
        """Have the worker give back all memory that no picture is using. Harmless when there is no worker."""
        self._send(UnloadOrder())

    def retry(self) -> None:
        """Try again to start a worker that `status` says has failed, or that waits for its next try."""
        self._nudged.set()

    def close(self) -> None:
        """Stop the worker, by force when it does not end within seconds. Harmless when repeated."""
        self._closing.set()
        self._nudged.set()
        if self._thread is None:
            return
        # In a thread of its own: a pipe that is full, because the worker hangs, would never let go of this one.
        telling = threading.Thread(target=self._send, args=(StopOrder(),), name="supervisor-stop", daemon=True)
        telling.start()
        self._thread.join(STOP_TIMEOUT_S if self._ready is not None else 0)
        while self._thread.is_alive():
            self._kill()
            self._thread.join(0.1)
        telling.join()
        if self._lines is not None:
            self._lines.join(STOP_TIMEOUT_S)  # the worker's last words
        atexit.unregister(self.close)

    # --- in the supervisor's thread ---

    def _supervise(self) -> None:
        failed_starts, quick_deaths = 0, 0
        while not self._closing.is_set():
            was_ready, worked = self._run_once()
            if self._closing.is_set():
                break
            failed_starts = 0 if was_ready else failed_starts + 1
            quick_deaths = 0 if worked else quick_deaths + 1
            if failed_starts >= START_ATTEMPTS:
                log.error("The worker cannot start: %s", self._reason)
                self._say("failed", f"The worker cannot start: {self._reason}")
                self._nudged.wait()
                failed_starts = quick_deaths = 0
                self._say("starting", None)
            else:
                log.warning("The worker ended: %s. It is started again.", self._reason)
                self._say("restarting", f"The worker ended ({self._reason}) and is started again.")
                self._nudged.wait(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**quick_deaths))
            self._nudged.clear()

    def _run_once(self) -> tuple[bool, bool]:
        """One life of a worker: whether it got ready, and whether it ended any picture."""
        self._last_words = None
        try:
            process, connection = self._launch()
        except OSError as error:
            self._reason = f"no process could be started: {error}"
            return False, False
        was_ready, worked = False, False
        for message in _messages(connection):
            if isinstance(message, LastWords):
                self._last_words = message.reason
                continue
            was_ready = self._note(message) or was_ready
            worked = worked or any(isinstance(event, PictureDone | PictureFailed) for event in message)
            self._on_events(message)
        self._bury(process, connection)
        return was_ready, worked

    def _launch(self) -> tuple[SpawnProcess, Connection]:
        ours, theirs = self._spawning.Pipe()
        said, saying = self._spawning.Pipe(duplex=False)
        arguments = (theirs, self._factory, self._options, None if sys.platform == "win32" else saying)
        process = self._spawning.Process(target=work, args=arguments, name="studio-worker", daemon=True)
        try:
            process.start()
        except OSError:
            ours.close()
            said.close()
            raise
        finally:
            theirs.close()
            saying.close()
        self._lines = mutterings.listen(said)
        with self._lock, self._sending:
            self._process, self._connection = process, ours
        return process, ours

    def _note(self, events: list[Event]) -> bool:
        """Keep the account of what the worker has in hand; answers whether it has just become ready."""
        became_ready = False
        with self._lock:
            for event in events:
                if isinstance(event, WorkerReady):
                    self._ready, became_ready = event, True
                elif isinstance(event, ModelLoading):
                    self._loading_job = event.job_id if event.fraction < 1 else None
                elif isinstance(event, PictureStarted):
                    self._inside[event.job_id, event.index] = True
                elif isinstance(event, PictureDone | PictureFailed | PictureCancelled):
                    self._inside.pop((event.job_id, event.index), None)
                elif isinstance(event, MemoryReport):
                    self._memory = _with_residents(event, self._memory)
        if became_ready:
            self._say("ready", None)
        return became_ready

    def _bury(self, process: SpawnProcess, connection: Connection) -> None:
        process.join(STOP_TIMEOUT_S)
        if process.is_alive():
            process.kill()
            process.join()
        with self._lock, self._sending:
            self._reason = _cause(process.exitcode, self._last_words)
            lost = self._lost(self._reason)
            self._inside, self._loading_job, self._ready, self._memory = {}, None, None, None
            self._process = self._connection = None
        connection.close()
        process.close()
        if (lost.started or lost.waiting) and not self._closing.is_set():
            self._on_lost(lost)

    def _lost(self, reason: str) -> Lost:
        """What the worker had in hand. Something must take the blame, or a checkpoint that kills its loader would be
        loaded for ever: with no picture started, it is the job that was loading, else the picture that came first."""
        started = [key for key, began in self._inside.items() if began]
        if self._loading_job is not None:
            started += [key for key in self._inside if key[0] == self._loading_job and key not in started]
        if not started:
            started = list(self._inside)[:1]
        return Lost(tuple(started), tuple(key for key in self._inside if key not in started), reason)

    def _kill(self) -> None:
        """End the process. Only the supervisor's thread waits for it: two that wait would steal each other's answer."""
        process = self._process
        if process is not None:
            with contextlib.suppress(ValueError):  # buried meanwhile
                process.kill()

    def _say(self, status: Status, reason: str | None) -> None:
        self._status, self._reason = status, reason
        self._on_status()

    def _send(self, order: Order, worker: Connection | None = None) -> None:
        """Tell the worker, or only the one of this pipe: what another has in hand was given back when it ended."""
        with self._sending:
            if self._connection is not None and worker in (None, self._connection):
                try:
                    self._connection.send(order)
                except OSError:
                    log.info("The worker is gone; what it had in hand goes back to the queue.")


def _with_residents(event: MemoryReport, before: MemoryReport | None) -> MemoryReport:
    if event.residents is not None or before is None:
        return event
    return replace(before, device_bytes=event.device_bytes, host_bytes=event.host_bytes)


def _messages(connection: Connection) -> Any:
    """What the worker sends, until its end of the pipe is closed, be it in the middle of a message."""
    while True:
        try:
            yield connection.recv()
        except (EOFError, OSError):
            return


def _cause(exit_code: int | None, last_words: str | None) -> str:
    if last_words is not None:
        return last_words
    if exit_code is None or exit_code >= 0:
        return f"it ended with code {exit_code}"
    name = signal.Signals(-exit_code).name if -exit_code in set(signal.Signals) else f"signal {-exit_code}"
    if name == "SIGKILL":
        return "SIGKILL: something ended it by force, often the system when memory runs out"
    return f"it crashed with {name}"
