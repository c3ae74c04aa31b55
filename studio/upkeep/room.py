"""How much room the disk of the home has left: a warning before it is full, and no new pictures at the floor.

The floor is what finishes the pictures that are on their way, and lets the database be written, so nothing is cut off
in the middle. Asking the disk is cheap, but not free: an answer holds for a few seconds.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from studio.errors import StorageFull

HOLDS_S = 2.0


class Room:
    """The disk that ``folder`` lies on. ``warning_mb`` and ``floor_mb`` are bounds of what is free; 0 is none."""

    def __init__(
        self,
        folder: Path,
        warning_mb: int,
        floor_mb: int,
        free_bytes_of: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self.folder = folder
        self.warning_mb, self.floor_mb = warning_mb, floor_mb
        self._free_bytes_of = free_bytes_of
        self._lock = threading.Lock()
        self._asked_s = -HOLDS_S
        self._free_bytes: int | None = None

    @property
    def free_bytes(self) -> int | None:
        """What is free, at most `HOLDS_S` ago; ``None`` while the folder is not there to be asked."""
        with self._lock:
            now_s = time.monotonic()
            if now_s - self._asked_s >= HOLDS_S:
                self._asked_s = now_s
                try:
                    self._free_bytes = self._free_bytes_of(self.folder)
                except OSError:
                    self._free_bytes = None
            return self._free_bytes

    def check(self) -> None:
        """Raises `StorageFull` when there is no room to begin anything new."""
        free_bytes = self.free_bytes
        if free_bytes is not None and free_bytes < self.floor_mb * 1_000_000:
            raise StorageFull(self._at_the_floor(free_bytes))

    def warning(self) -> str | None:
        """What to say to people while there is little room; ``None`` while there is enough."""
        free_bytes = self.free_bytes
        if free_bytes is None:
            return None
        if free_bytes < self.floor_mb * 1_000_000:
            return self._at_the_floor(free_bytes)
        if free_bytes < self.warning_mb * 1_000_000:
            said = f"The disk with the pictures has only {_megabytes(free_bytes)} left. Empty the bin, or make room."
            return f"{said} At {self.floor_mb:,} MB no more pictures are begun." if self.floor_mb else said
        return None

    def _at_the_floor(self, free_bytes: int) -> str:
        return (
            f"The disk with the pictures has only {_megabytes(free_bytes)} left, so no new pictures are begun; nothing "
            "was lost. Empty the bin, or make room: what waits then goes on by itself."
        )


def _megabytes(count_bytes: int) -> str:
    return f"{count_bytes // 1_000_000:,} MB"
