"""One listener's share of the updates: a queue that threads and event loops can wait on, and that cannot grow."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from studio.jobs.views import JobView
from studio.recipe.events import JobState


@dataclass(frozen=True)
class JobUpdate:
    """A job has changed: ``job`` is all of it, ``number`` grows from update to update."""

    id: str
    number: int
    job: JobView


class Subscription:
    """Updates of one owner's jobs, in order. A listener that falls behind misses steps, but no state of a job.

    Iterate over it (``for`` or ``async for``; it ends when it is closed), or ask with `get` or `get_async`.
    """

    def __init__(self, unsubscribe: Callable[[Subscription], None], owner: str) -> None:
        self.owner = owner
        self._unsubscribe = unsubscribe
        self._condition = threading.Condition()
        self._pending: OrderedDict[tuple[str, JobState], JobUpdate] = OrderedDict()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = set()
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._ended and not self._pending

    def push(self, update: JobUpdate) -> None:
        """Add an update; it takes the place of an unread one of the same job in the same state."""
        with self._condition:
            key = update.id, update.job.state
            self._pending.pop(key, None)
            self._pending[key] = update
            self._wake()

    def end(self) -> None:
        """Nothing more will come; what is unread can still be read."""
        with self._condition:
            self._ended = True
            self._wake()

    def close(self) -> None:
        """Follow no more. Harmless when repeated."""
        self._unsubscribe(self)
        self.end()

    def get(self, timeout_s: float | None = None) -> JobUpdate | None:
        """The next update; ``None`` when ``timeout_s`` has passed or the subscription has `ended`."""
        with self._condition:
            self._condition.wait_for(lambda: self._pending or self._ended, timeout_s)
            return self._pop()

    async def get_async(self, timeout_s: float | None = None) -> JobUpdate | None:
        """As `get`, without blocking the event loop."""
        loop = asyncio.get_running_loop()
        with self._condition:
            if self._pending or self._ended:
                return self._pop()
            woken: asyncio.Future[None] = loop.create_future()
            self._waiting.add((loop, woken))
        try:
            await asyncio.wait_for(woken, timeout_s)
        except asyncio.TimeoutError:
            return None
        finally:
            with self._condition:
                self._waiting.discard((loop, woken))
        with self._condition:
            return self._pop()

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[JobUpdate]:
        while not self.ended:
            update = self.get()
            if update is not None:
                yield update

    async def __aiter__(self) -> AsyncIterator[JobUpdate]:
        while not self.ended:
            update = await self.get_async()
            if update is not None:
                yield update

    def _pop(self) -> JobUpdate | None:
        return self._pending.popitem(last=False)[1] if self._pending else None

    def _wake(self) -> None:
        self._condition.notify_all()
        for loop, woken in self._waiting:
            # A loop that was closed under its listener has nobody left to tell.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_set, woken)


def _set(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
