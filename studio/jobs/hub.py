"""Who hears of what: updates of jobs to everybody who follows them, and the latest previews.

Each update carries the whole job, so whoever comes late or was away needs only the latest one. Numbers grow over
restarts too: a client that names the last one it saw gets what it missed. It refuses to wait for slow listeners, and
to tell anybody of somebody else's jobs.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Protocol

from studio.jobs.subscription import JobUpdate, Subscription
from studio.jobs.views import JobView

__all__ = ["Hub", "JobUpdate", "Subscription", "ViewSource"]

KEPT_FINISHED = 256
"""Finished jobs whose last update is kept for those who were away; older ones are read from the database."""


class ViewSource(Protocol):
    """Where the present state of a job comes from; the dispatcher's board."""

    def view(self, owner: str, job_id: str) -> JobView: ...

    def views(self, owner: str, limit: int) -> tuple[JobView, ...]: ...


class Hub:
    """The fan-out of job updates. Safe to share between threads and event loops."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: dict[str, set[Subscription]] = {}
        self._latest: OrderedDict[str, JobUpdate] = OrderedDict()
        self._previews: dict[tuple[str, int], tuple[str, bytes]] = {}
        self._source: ViewSource | None = None
        self._closed = False
        # Milliseconds since 1970: fewer than a thousand updates a second on average, so numbers never fall behind
        # those of a run before this one.
        self._number = time.time_ns() // 1_000_000

    def connect(self, source: ViewSource) -> None:
        """Say where the present state of jobs is read."""
        self._source = source

    def view(self, owner: str, job_id: str) -> JobView:
        """A job as it stands. Raises `NotFound` for an id that does not exist or is somebody else's."""
        assert self._source is not None, "a hub needs a dispatcher to read jobs"
        return self._source.view(owner, job_id)

    def views(self, owner: str, limit: int = 50) -> tuple[JobView, ...]:
        """The newest jobs of ``owner`` as they stand, newest first."""
        assert self._source is not None, "a hub needs a dispatcher to read jobs"
        return self._source.views(owner, limit)

    def publish(self, owner: str, job: JobView) -> JobUpdate:
        """Tell everybody who follows ``owner``'s jobs."""
        with self._lock:
            self._number += 1
            update = JobUpdate(job.id, self._number, job)
            self._latest[job.id] = update
            self._latest.move_to_end(job.id)
            if job.state.finished:
                self._forget_old()
            for subscription in self._subscriptions.get(owner, ()):
                subscription.push(update)
        return update

    def latest(self, owner: str, job_id: str) -> JobUpdate | None:
        """The latest update of a job of ``owner``'s; ``None`` for one that has not changed since the start."""
        with self._lock:
            update = self._latest.get(job_id)
        return update if update is not None and update.job.owner == owner else None

    def subscribe(self, owner: str, after: int | None = None) -> Subscription:
        """Follow ``owner``'s jobs from now on; ``after`` an update's number also gets the latest of what came later.

        Use it as a context manager, or call ``close()`` when done.
        """
        with self._lock:
            subscription = Subscription(self._unsubscribe, owner)
            if after is not None:
                for update in self._latest.values():
                    if update.job.owner == owner and update.number > after:
                        subscription.push(update)
            if self._closed:
                subscription.end()
            else:
                self._subscriptions.setdefault(owner, set()).add(subscription)
        return subscription

    def is_followed(self, owner: str) -> bool:
        """Whether anybody follows ``owner``'s jobs."""
        return bool(self._subscriptions.get(owner))

    def preview(self, owner: str, job_id: str, index: int) -> bytes | None:
        """The latest preview of a running picture, a small JPEG; ``None`` when there is none for ``owner``."""
        with self._lock:
            kept = self._previews.get((job_id, index))
        return kept[1] if kept is not None and kept[0] == owner else None

    def keep_preview(self, owner: str, job_id: str, index: int, jpeg: bytes) -> None:
        """Replace the preview of a picture."""
        with self._lock:
            self._previews[job_id, index] = (owner, jpeg)

    def drop_preview(self, job_id: str, index: int) -> None:
        """A picture runs no more."""
        with self._lock:
            self._previews.pop((job_id, index), None)

    def close(self) -> None:
        """End all subscriptions. Harmless when repeated."""
        with self._lock:
            self._closed = True
            ending = list(self._everybody())
            self._subscriptions.clear()
            self._previews.clear()
        for subscription in ending:
            subscription.end()

    def _everybody(self) -> Iterator[Subscription]:
        for subscriptions in self._subscriptions.values():
            yield from subscriptions

    def _unsubscribe(self, subscription: Subscription) -> None:
        with self._lock:
            following = self._subscriptions.get(subscription.owner, set())
            following.discard(subscription)
            if not following:
                self._subscriptions.pop(subscription.owner, None)

    def _forget_old(self) -> None:
        finished = sum(update.job.state.finished for update in self._latest.values()) - KEPT_FINISHED
        if finished <= 0:
            return
        for job_id, update in list(self._latest.items()):
            if update.job.state.finished:
                del self._latest[job_id]
                return
