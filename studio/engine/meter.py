"""Whose the device's time was: every piece of work is timed, and its seconds go to the pictures it was done for.

A round's seconds are split by the samples each picture had in it; decoding, tiles and loading go to the one picture
that wanted them. Waiting costs nothing. Each piece ends with a transfer from the device, so the clock around it counts
the device's work and not only the handing over. It imports no tensor library.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from studio.recipe.events import PictureOrder, TimeSpent


class Meter:
    """Sums up seconds by picture until they are `take`\\ n."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._seconds: dict[tuple[str, int], float] = defaultdict(float)

    @contextmanager
    def charge(self, orders: Sequence[PictureOrder], weights: Sequence[int] = (1,)) -> Iterator[None]:
        """What is done in the block is for these pictures, split by ``weights``; what fails has cost time too."""
        began_s = self._clock()
        try:
            yield
        finally:
            each_s = (self._clock() - began_s) / max(sum(weights), 1)
            for order, weight in zip(orders, weights, strict=True):
                self._seconds[order.job_id, order.index] += weight * each_s

    def take(self) -> list[TimeSpent]:
        """What was spent since the last time, as an event, or nothing."""
        if not self._seconds:
            return []
        shares = tuple((job_id, index, seconds) for (job_id, index), seconds in self._seconds.items())
        self._seconds.clear()
        return [TimeSpent(shares)]
