"""Limits on guessing: after some failures from one address, or at one name, further tries wait."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque

from studio.errors import TooManyTries

WINDOW_S = 300.0
MOST_FAILURES = 10
KEPT = 4096


class Attempts:
    """Failed tries of the last minutes, by what they were counted under. Kept in memory only."""

    def __init__(self, most: int = MOST_FAILURES, window_s: float = WINDOW_S) -> None:
        self._most, self._window_s = most, window_s
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, *under: str) -> None:
        """Raises `TooManyTries` while any of these has failed too often."""
        now = time.monotonic()
        with self._lock:
            for one in under:
                failures = self._failures.get(one)
                while failures and failures[0] <= now - self._window_s:
                    failures.popleft()
                if failures and len(failures) >= self._most:
                    raise TooManyTries(int(failures[0] + self._window_s - now) + 1)

    def failed(self, *under: str) -> None:
        """Count a failure under each."""
        with self._lock:
            for one in under:
                self._failures.setdefault(one, deque(maxlen=self._most)).append(time.monotonic())
                self._failures.move_to_end(one)
            while len(self._failures) > KEPT:
                self._failures.popitem(last=False)
