"""``Line``: errands done one after the other in a thread of their own, which anybody may look at and stop.

It owns their order, states, speed and end. What is done for one is its owner's, who is told of every change.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar

from studio.errors import Cancelled, StudioError

log = logging.getLogger(__name__)

State = Literal["waiting", "running", "done", "failed", "stopped"]
ACTIVE = ("waiting", "running")

Progress = Callable[[int, int], None]
"""To be called with the bytes that are done, and with how many there are; it raises `Cancelled` to stop."""

_SPEED_EVERY_S = 0.5
_NEWEST_SHARE = 0.3


@dataclass(frozen=True, kw_only=True)
class Errand:
    """One of a line. ``size_bytes`` is 0 until it is known, ``problem`` a sentence where it failed."""

    id: str
    state: State = "waiting"
    done_bytes: int = 0
    size_bytes: int = 0
    bytes_per_s: float = 0.0
    problem: str = ""

    @property
    def active(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ACTIVE

    @property
    def seconds_left(self) -> float | None:
        """How long it will take at the speed that it has; ``None`` where that cannot be told."""
        if self.state != "running" or not self.bytes_per_s:
            return None
        return max(0, self.size_bytes - self.done_bytes) / self.bytes_per_s


E = TypeVar("E", bound=Errand)


class Line(Generic[E]):
    """The errands of one sort. All methods may be called from any thread.

    ``do`` does one and answers what to tell of it besides; ``known`` are there from before. ``changed`` is called
    with all of them, and with the lock, whenever one came, ended or went.
    """

    def __init__(
        self,
        name: str,
        do: Callable[[E, Progress], Mapping[str, Any]],
        known: Iterable[E] = (),
        changed: Callable[[Sequence[E]], None] = lambda every: None,
    ) -> None:
        self._name, self._do, self._tell = name, do, changed
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._all: dict[str, E] = {one.id: one for one in known}
        self._to_stop: set[str] = set()
        self._thread: threading.Thread | None = None
        self._closed = False

    def list(self) -> list[E]:
        """Every one of them: those that wait or run in their order, then those that ended."""
        with self._lock:
            return sorted(self._all.values(), key=lambda one: not one.active)

    def get(self, errand_id: str) -> E | None:
        """The one of that id, if there is one."""
        with self._lock:
            return self._all.get(errand_id)

    def add(self, errands: Iterable[E], keep: Mapping[State, int] | None = None) -> Sequence[E]:
        """Put some at the end of the line, as they stand there now; one that is there and active stays as it is.

        Of those that ended in one of the states of ``keep`` only so many, the newest, stay.
        """
        with self._changed:
            stand = []
            for errand in errands:
                known = self._all.get(errand.id)
                if known is None or not known.active:
                    self._all.pop(errand.id, None)
                    self._all[errand.id] = known = errand
                stand.append(known)
            for state, most in (keep or {}).items():
                ended = [one.id for one in self._all.values() if one.state == state]
                for old in ended[: max(0, len(ended) - most)]:
                    del self._all[old]
            self._tell(list(self._all.values()))
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify_all()
            return stand

    def remove(self, errand_id: str, forgotten: Callable[[E], None] = lambda errand: None) -> E | None:
        """Stop one that is active; forget one that ended, with which ``forgotten`` is called first. ``None`` where
        there is none.
        """
        with self._lock:
            errand = self._all.get(errand_id)
            if errand is None:
                return None
            if errand.active:
                errand = self._stop(errand)
            else:
                del self._all[errand_id]
                forgotten(errand)
            self._tell(list(self._all.values()))
            return errand

    def stop_all(self) -> None:
        """Stop all that are active."""
        with self._lock:
            for errand in [one for one in self._all.values() if one.active]:
                self._stop(errand)
            self._tell(list(self._all.values()))

    def clear(self) -> None:
        """Forget all that ended."""
        with self._lock:
            self._all = {one.id: one for one in self._all.values() if one.active}
            self._tell(list(self._all.values()))

    def close(self) -> None:
        """Stop; what waits is not begun. Harmless when repeated."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout=5)

    def is_stopped(self, errand_id: str) -> bool:
        """Whether whoever does it should leave off."""
        return self._closed or errand_id in self._to_stop

    def _stop(self, errand: E) -> E:
        self._to_stop.add(errand.id)
        self._all[errand.id] = stopped = replace(errand, state="stopped", bytes_per_s=0.0)
        return stopped

    def _work(self) -> None:
        while True:
            with self._changed:
                errand = next((one for one in self._all.values() if one.state == "waiting"), None)
                if self._closed:
                    return
                if errand is None:
                    self._changed.wait()
                    continue
                self._to_stop.discard(errand.id)
                errand = self._all[errand.id] = replace(errand, state="running")
            self._end(errand.id, *self._done(errand))

    def _done(self, errand: E) -> tuple[State, Mapping[str, Any]]:
        """Do it: how it ended, and what else is told of it."""
        try:
            return "done", self._do(errand, self._progress(errand.id))
        except Cancelled:
            return "stopped", {}
        except (StudioError, OSError) as error:
            log.info("%s, %s: %s", self._name, errand.id, error)
            return "failed", {"problem": str(error)}
        except Exception:  # the worker's loop: those behind it must not wait for ever
            log.exception("%s, %s failed", self._name, errand.id)
            return "failed", {"problem": "Something went wrong inside the studio. The log has the details."}

    def _progress(self, errand_id: str) -> Progress:
        said_s, said_bytes, speed = time.monotonic(), -1, 0.0

        def progress(done: int, total: int) -> None:
            nonlocal said_s, said_bytes, speed
            if self.is_stopped(errand_id):
                raise Cancelled("It was stopped; what came is kept.")
            now_s = time.monotonic()
            if said_bytes >= 0 and now_s - said_s < _SPEED_EVERY_S and done < total:
                return
            if said_bytes >= 0 and now_s > said_s:
                newest = max(done - said_bytes, 0) / (now_s - said_s)
                speed = speed + _NEWEST_SHARE * (newest - speed) if speed else newest
            said_s, said_bytes = now_s, done
            self._change(errand_id, done_bytes=done, size_bytes=total, bytes_per_s=speed)

        return progress

    def _change(self, errand_id: str, **changes: Any) -> None:
        with self._lock:
            if errand_id in self._all and self._all[errand_id].state == "running":
                self._all[errand_id] = replace(self._all[errand_id], **changes)

    def _end(self, errand_id: str, state: State, told: Mapping[str, Any]) -> None:
        with self._lock:
            errand = self._all.get(errand_id)
            if errand is not None and errand.state == "running":
                whole = errand.size_bytes if state == "done" else errand.done_bytes
                ended = {"problem": "", **told, "state": state, "bytes_per_s": 0.0, "done_bytes": whole}
                self._all[errand_id] = replace(errand, **ended)
            self._tell(list(self._all.values()))
