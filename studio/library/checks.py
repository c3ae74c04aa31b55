"""``Checks``: models that are read again from end to end, one after the other, at low cost for everything else.

It owns what is told of each and of the round they are part of: a round is all that was asked for until nothing waits.
What is found is kept by the library, and stands on the cards.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from studio.library.card import Checked, ModelCard
from studio.library.catalogue import Library
from studio.library.checking import Stamps, stamps_in_order
from studio.library.line import Errand, Line, Progress

_NICENESS = 10
"""Of the reading thread: it steps back behind whatever else wants the processor, and keeps no lock from it for long."""

_PAUSES = 3
"""While pictures are made the reading rests that many times as long as it reads: niceness alone does not spare the
memory's and the disk's bandwidth, which pictures wait for too."""

_MOST_PAUSE_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Check(Errand):
    """One model that is read; its ``id`` is the model's. ``problem`` of one that is done is what is wrong with it, as
    its files were then (``stamps``).
    """

    name: str
    stamps: Stamps = ()

    def as_dict(self) -> dict[str, Any]:
        """As the routes answer it."""
        told = {**asdict(self), "problem": self.problem or None, "seconds_left": self.seconds_left}
        del told["stamps"]
        return told


class Checks:
    """The models of ``library`` that are checked, more slowly while ``is_busy``. All methods may be called from any
    thread.
    """

    def __init__(self, library: Library, is_busy: Callable[[], bool] = lambda: False) -> None:
        self._library, self._is_busy = library, is_busy
        self._line: Line[Check] = Line("model checks", self._check)
        self._began = (time.monotonic(), 0)

    def begin(self, cards: Sequence[ModelCard]) -> None:
        """Read these, each once all before it are read. Asking again for one that waits or runs is harmless."""
        if not any(one.active for one in self._line.list()):
            self._line.clear()
            self._began = (time.monotonic(), 0)
        self._line.add([Check(id=card.id, name=card.name, size_bytes=card.size_bytes) for card in cards])

    def begin_all(self) -> None:
        """Read every model, those first that were not read for the longest time."""
        cards = [card for card in self._library.models() if card.files or card.trouble == "damaged"]
        self.begin(sorted(cards, key=lambda card: card.checked.at if card.checked else ""))

    def go_on(self) -> None:
        """Read those of the round that were stopped."""
        every = self._line.list()
        stopped = [one for one in every if one.state == "stopped"]
        self._began = (time.monotonic(), self._done_bytes([one for one in every if one.state != "stopped"]))
        self._line.add([replace(one, state="waiting", done_bytes=0) for one in stopped])

    def stop(self, model_id: str) -> None:
        """Stop or call off one; harmless where it is not being checked."""
        check = self._line.get(model_id)
        if check is not None and check.active:
            self._line.remove(model_id)

    def stop_all(self) -> None:
        """Stop those of the round that are not done; of a round that ended, forget it."""
        if any(one.active for one in self._line.list()):
            self._line.stop_all()
        else:
            self._line.clear()

    def close(self) -> None:
        """Stop. Harmless when repeated."""
        self._line.close()

    def of(self, model_id: str) -> dict[str, Any]:
        """How the check of one model stands, and what was found last, ``sound`` or a ``problem``, and when (``at``).

        Raises:
            NotFound: there is no such model.
        """
        card = self._library.by_id(model_id)
        known = self._line.get(model_id)
        check = known or Check(id=card.id, name=card.name, size_bytes=card.size_bytes)
        if known is not None and known.state != "done":
            return {**check.as_dict(), **_told(card.checked, check.problem)}
        # What was found lasts as long as the files do.
        problem = check.problem if check.stamps == stamps_in_order(card) else ""
        is_found = card.checked is not None or bool(problem)
        return {**check.as_dict(), "state": "done" if is_found else "never", **_told(card.checked, problem)}

    def round(self) -> dict[str, Any]:
        """How the round stands: what is read now, how many were and how far all are, and what is wrong with which."""
        every = self._line.list()
        done_bytes, size_bytes = self._done_bytes(every), sum(one.size_bytes for one in every)
        began_s, began_bytes = self._began
        elapsed_s = time.monotonic() - began_s
        running = next((one for one in every if one.state == "running"), None)
        speed = (done_bytes - began_bytes) / elapsed_s if running and elapsed_s else 0.0
        stopped = sum(one.state == "stopped" for one in every)
        active = sum(one.active for one in every)
        return {
            "state": "running" if active else "stopped" if stopped else "done" if every else "idle",
            "models": len(every),
            "checked": len(every) - active - stopped,
            "stopped": stopped,
            "current": running.as_dict() if running else None,
            "problems": [
                {"id": one.id, "name": one.name, "problem": one.problem}
                for one in every
                if one.problem and one.state in ("done", "failed")
            ],
            "done_bytes": done_bytes,
            "size_bytes": size_bytes,
            "bytes_per_s": speed,
            "seconds_left": (size_bytes - done_bytes) / speed if speed else None,
        }

    def _check(self, check: Check, progress: Progress) -> Mapping[str, Any]:
        _step_back()
        card = self._library.by_id(check.id)
        problem = self._library.verify(card, _with_pauses(progress, self._is_busy))
        return {"problem": problem or "", "stamps": stamps_in_order(card)}

    def _done_bytes(self, every: Sequence[Check]) -> int:
        return sum(one.size_bytes if one.state in ("done", "failed") else one.done_bytes for one in every)


def _told(found: Checked | None, problem: str) -> dict[str, Any]:
    """What was found last; a ``problem`` that is not kept, because the files are others now, goes before it."""
    said = problem or (found.problem if found else None)
    sound = None if found is None and not said else said is None
    return {"sound": sound, "problem": said, "at": found.at if found else None}


def _with_pauses(progress: Progress, is_busy: Callable[[], bool]) -> Progress:
    """The same, which makes whoever calls it rest while others are busy."""
    rested_s = time.monotonic()

    def paused(done: int, total: int) -> None:
        nonlocal rested_s
        progress(done, total)
        if is_busy():
            time.sleep(min(_MOST_PAUSE_S, _PAUSES * (time.monotonic() - rested_s)))
        rested_s = time.monotonic()

    return paused


def _step_back() -> None:
    """Let others have the processor, and with it the disk, before this thread; where threads have no say, nothing."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            if os.getpriority(os.PRIO_PROCESS, thread) < _NICENESS:
                os.setpriority(os.PRIO_PROCESS, thread, _NICENESS)
