"""Requests that wait for pictures: whose they are, which jobs they ordered, and what they ended like.

It is what progress, interrupt and skip look at, so that they concern the requests of whoever asks and nobody else's,
and not what the same person makes on the page. It lives in memory: a request ends with its connection.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone

ENDED_KEPT = 16
"""Ids of ended requests that ``/internal/progress`` still knows, as many as A1111 keeps."""


@dataclass(eq=False)
class Errand:
    """One request: ``id`` is the client's own or ours, ``kind`` its route, ``jobs`` what it ordered by now.

    ``iterations`` is how many jobs it will order. ``is_skipped`` counts until the next job begins, as in A1111.
    """

    id: str
    owner: str
    kind: str
    iterations: int
    jobs: list[str] = field(default_factory=list)
    is_interrupted: bool = False
    is_skipped: bool = False
    began_s: float = field(default_factory=time.monotonic)
    began_at: datetime = field(default_factory=lambda: datetime.now(timezone.utc))


class Errands:
    """The requests under way. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[Errand] = []
        self._ended: dict[str, deque[str]] = {}

    @contextlib.contextmanager
    def running(self, errand: Errand) -> Iterator[Errand]:
        """Have ``errand`` listed until the block ends."""
        with self._lock:
            self._active.append(errand)
        try:
            yield errand
        finally:
            with self._lock:
                self._active.remove(errand)
                self._ended.setdefault(errand.owner, deque(maxlen=ENDED_KEPT)).append(errand.id)

    def of(self, owner: str) -> tuple[Errand, ...]:
        """Somebody's requests, the one that came first at the front."""
        with self._lock:
            return tuple(errand for errand in self._active if errand.owner == owner)

    def has_ended(self, owner: str, errand_id: str) -> bool:
        """Whether a request of theirs of that id has ended lately."""
        with self._lock:
            return errand_id in self._ended.get(owner, ())
