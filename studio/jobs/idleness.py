"""When a worker has rested long enough to give its memory back to the other programs of the machine."""

from __future__ import annotations

import time
from collections.abc import Callable


class Idleness:
    """Counts the time without work. ``after_s`` is how long a rest must be to be `due`; 0: it never is.

    It is due once for each rest: what was given back need not be given back again. Not thread safe.
    """

    def __init__(self, after_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._after_s = after_s
        self._clock = clock
        self._since_s: float | None = None
        self._is_told = False

    def note(self, *, is_busy: bool) -> None:
        """Whether the worker has anything in hand now."""
        if is_busy:
            self._since_s, self._is_told = None, False
        elif self._since_s is None:
            self._since_s = self._clock()

    def wait_s(self) -> float | None:
        """How long until it is due; ``None`` where it will not be before something happens."""
        if not self._after_s or self._is_told or self._since_s is None:
            return None
        return max(0.0, self._since_s + self._after_s - self._clock())

    def take(self) -> bool:
        """Whether it is due now; afterwards it is not, until there was work again."""
        left_s = self.wait_s()
        if left_s is None or left_s > 0:
            return False
        self._is_told = True
        return True
