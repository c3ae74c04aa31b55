"""``Watcher``: notices that model folders changed, by asking their times now and then.

Asking beats the system's notifications here: it needs no further package, works on network shares and in containers,
where notifications do not arrive, and costs one ``stat`` for each folder and model. The more it costs, the more seldom
it asks. It reads no file and does not know what a model is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

log = logging.getLogger(__name__)

Stamps = Mapping[Path, tuple[int, ...] | None]

INTERVAL_S = 2.0
TICK_NS = 2_000_000_000
"""The coarsest clock of a disk, FAT's."""

REST = 50
"""The thread rests fifty times as long as it asked, so a slow share costs at most 2% of anybody's time."""


def stamps_of(places: Iterable[Path]) -> Stamps:
    """Size and times of each place; ``None`` for what is not there or may not be asked."""
    found: dict[Path, tuple[int, ...] | None] = {}
    for place in places:
        try:
            status = place.stat()
        except OSError:
            found[place] = None
        else:
            # The time of the inode as well: a folder that becomes readable keeps its time of change.
            found[place] = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return found


def unless_changed_since(moment_ns: int, stamps: Stamps) -> Stamps:
    """The stamps, but ``None`` of places that changed since that moment, by what their disks know of it."""
    since_ns = moment_ns - TICK_NS
    return {place: None if stamp and stamp[-1] >= since_ns else stamp for place, stamp in stamps.items()}


class Watcher:
    """Calls ``changed`` in a thread of its own when the stamps of some places are no longer as ``seen()`` has them."""

    def __init__(self, seen: Callable[[], Stamps], changed: Callable[[], None], interval_s: float = INTERVAL_S) -> None:
        self._seen = seen
        self._changed = changed
        self._interval_s = interval_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="model watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End watching; waits for the thread unless a slow folder holds it. Harmless when repeated."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        pause_s = self._interval_s
        while not self._stopped.wait(pause_s):
            began = time.monotonic()
            seen = self._seen()
            try:
                if stamps_of(seen) != seen:
                    self._changed()
            except Exception:  # a watch that ends for one odd file would never be missed
                log.exception("Looking for models failed; it is tried again.")
            pause_s = max(self._interval_s, REST * (time.monotonic() - began))
