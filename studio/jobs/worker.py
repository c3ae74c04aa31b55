"""The worker process: takes orders from its pipe, turns the crank of an engine, sends what happened back.

It is told by name which engine to make, and knows nothing else of it than the protocol. It dies with its parent, leaves
Ctrl+C to it, and says its last words before it gives up on an error that no engine should let out.
"""

from __future__ import annotations

import faulthandler
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any, Protocol

import psutil

from studio.errors import StudioError
from studio.jobs import mutterings
from studio.recipe.events import (
    CancelOrder,
    Event,
    MemoryReport,
    Order,
    PictureFailed,
    PictureOrder,
    PreloadOrder,
    StopOrder,
    UnloadOrder,
    WorkerReady,
)

log = logging.getLogger(__name__)

MEMORY_EVERY_S = 2.0
ORPHANED = 3
"""Exit code of a worker whose parent is gone; nobody is left to read it but the process list."""


class Cranked(Protocol):
    """What a worker needs of an engine; ``studio.engine.protocol.Engine`` in full."""

    @property
    def idle(self) -> bool: ...
    def submit(self, order: PictureOrder) -> None: ...
    def cancel(self, order: CancelOrder) -> None: ...
    def preload(self, order: PreloadOrder) -> None: ...
    def unload(self) -> None: ...
    def step(self) -> list[Event]: ...
    def describe(self) -> WorkerReady: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class LastWords:
    """Why a worker ends by itself, in words for a person."""

    reason: str


def work(connection: Connection, factory: str, options: Mapping[str, Any], saying: Connection | None = None) -> None:
    """The main of a worker process: make the engine ``factory`` ("module:function") with ``options``, and drive it.

    What it writes to its standard output and error goes to ``saying``.
    Ends when it is told to stop, when its parent is gone, or after `LastWords` with exit code 1.
    """
    mutterings.redirect(saying)
    _stand_apart()
    engine: Cranked | None = None
    try:
        engine = _create(factory, options)
        _pump(connection, engine)
        engine.close()
    except (BrokenPipeError, ConnectionResetError):
        sys.exit(ORPHANED)
    except Exception as error:
        log.exception("The worker gives up.")
        connection.send(LastWords(_in_words(error)))
        sys.exit(1)


def _stand_apart() -> None:
    """Be ended by the parent only: Ctrl+C and a service's stop reach the whole group, and the parent winds up first."""
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    faulthandler.enable()
    threading.Thread(target=_die_with_parent, name="parent-watch", daemon=True).start()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(ORPHANED)  # the main thread may be in a network call that takes seconds; nobody wants its answer


def _create(factory: str, options: Mapping[str, Any]) -> Cranked:
    module, _, function = factory.partition(":")
    engine: Cranked = getattr(import_module(module), function)(**options)
    return engine


def _pump(connection: Connection, engine: Cranked) -> None:
    ready = engine.describe()
    connection.send([ready])
    memory = _Memory(ready)
    while _take_orders(connection, engine, MEMORY_EVERY_S if engine.idle else 0.0):
        events = [] if engine.idle else engine.step()
        events += memory.report()
        if events:
            connection.send(events)


def _take_orders(connection: Connection, engine: Cranked, wait_s: float) -> bool:
    """Hand over every order that is there; wait up to ``wait_s`` for the first. Answers whether to go on."""
    try:
        while connection.poll(wait_s):
            wait_s = 0.0
            order: Order = connection.recv()
            if isinstance(order, StopOrder):
                return False
            _hand_over(connection, engine, order)
    except EOFError:
        return False
    return True


def _hand_over(connection: Connection, engine: Cranked, order: Order) -> None:
    if isinstance(order, CancelOrder):
        engine.cancel(order)
    elif isinstance(order, PreloadOrder):
        engine.preload(order)
    elif isinstance(order, UnloadOrder):
        engine.unload()
    elif isinstance(order, PictureOrder):
        try:
            engine.submit(order)
        except StudioError as error:
            connection.send([PictureFailed(order.job_id, order.index, error.code, str(error))])


class _Memory:
    """Reports the memory of this process now and then. An engine on a GPU reports its device's itself."""

    def __init__(self, ready: WorkerReady) -> None:
        self._process = psutil.Process()
        self._on_host = ready.device == "cpu"
        self._due_s = 0.0

    def report(self) -> list[Event]:
        now_s = time.monotonic()
        if now_s < self._due_s or not self._on_host:
            return []
        self._due_s = now_s + MEMORY_EVERY_S
        host_bytes = self._process.memory_info().rss
        return [MemoryReport(device_bytes=host_bytes, host_bytes=host_bytes)]


def _in_words(error: Exception) -> str:
    return str(error) if isinstance(error, StudioError) else f"{type(error).__name__}: {error}"
