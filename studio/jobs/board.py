"""The present state of every unfinished job: what the database says, and over it the steps that only memory knows.

Every change is shown to the hub from here. The lock is held from reading a job to publishing it, so that nobody sees an
older state after a newer one. It refuses to change anything in the database.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from studio.errors import NotFound
from studio.jobs.hub import Hub
from studio.jobs.overview import LoadTimes, Overview, QueueEntry, Speeds, entries, others_than
from studio.jobs.pace import Kind, Pace, kind_of
from studio.jobs.queue import Queue
from studio.jobs.records import Job, Picture
from studio.jobs.views import JobView, PictureView
from studio.recipe.events import JobState, ModelLoading, PictureStarted, PictureStep

PLACES_TOLD = 32
"""So many jobs in front of the line are told when they move up; those behind hear of it once they get this far."""


@dataclass
class _Live:
    """An unfinished job: its record, and its pictures with their steps."""

    job: Job
    kind: Kind
    pictures: list[PictureView] = field(default_factory=list)
    loading: float | None = None


class Board:
    """Views of jobs for the hub and for whoever asks. Safe to share between threads.

    ``load_times`` answers how long the checkpoints of some names take until they can begin, as far as that is known.
    """

    def __init__(self, queue: Queue, hub: Hub, load_times: LoadTimes = lambda names: {}) -> None:
        self._queue = queue
        self._hub = hub
        self._lock = threading.RLock()
        self._live: dict[str, _Live] = {}
        self._changed: set[str] = set()
        self._places: dict[str, int] = {}
        self._notice: str | None = None
        self._pace = Pace()
        self._speeds = Speeds(self._pace, queue.shares, load_times)
        # Microseconds since 1970 to begin with: larger than all before a restart, and exact in JavaScript's numbers.
        self._revisions = itertools.count(time.time_ns() // 1000)

    # --- reading ---

    def view(self, owner: str, job_id: str) -> JobView:
        """A job as it stands. Raises `NotFound` for an id that does not exist or is somebody else's."""
        with self._lock:
            live = self._live.get(job_id)
            if live is None:
                return self._view(_fresh(self._queue.get(owner, job_id)))
            if live.job.owner != owner:
                raise NotFound(f"There is no job {job_id!r}.")
            return self._view(live)

    def views(self, owner: str, limit: int = 50) -> tuple[JobView, ...]:
        """The newest jobs of ``owner`` as they stand, newest first."""
        with self._lock:
            jobs = self._queue.list(owner, limit)
            return tuple(self._view(self._live.get(job.id) or _fresh(job)) for job in jobs)

    def overview(self, owner: str, places: int) -> Overview:
        """The queue as ``owner`` sees it, in a worker with so many ``places``."""
        with self._lock:
            views = self._in_order()
            own = entries(views, self._speeds, places, {owner})
            ended = tuple(QueueEntry(self._view(_fresh(job))) for job in self._queue.line.ended(owner))
        return Overview(own, ended, others_than(owner, views))

    def everybody(self, places: int) -> tuple[QueueEntry, ...]:
        """Everybody's unfinished jobs, each person's in order."""
        with self._lock:
            return entries(self._in_order(), self._speeds, places)

    # --- what the database says ---

    def load(self) -> None:
        """Show every unfinished job, at start."""
        with self._lock:
            self._places = self._queue.places()
            for job in self._queue.unfinished():
                self._show(job)

    def refresh(self, job_ids: Iterable[str], *, is_reordered: bool = False) -> None:
        """Read these jobs again and show them, and the line behind them when it moved."""
        with self._lock:
            jobs = self._queue.read(set(job_ids))
            if is_reordered or any(_is_in_line(job) != (job.id in self._places) for job in jobs):
                shown = {job.id for job in jobs}
                before, self._places = self._places, self._queue.places()
                moved = [job_id for job_id, place in self._places.items() if before.get(job_id) != place]
                self._tell([job_id for job_id in moved[:PLACES_TOLD] if job_id not in shown])
            for job in jobs:
                self._show(job)

    # --- what only memory knows ---

    def loading(self, event: ModelLoading) -> None:
        with self._lock:
            live = self._live.get(event.job_id)
            if live is not None:
                live.loading = event.fraction if event.fraction < 1 else None
                self._changed.add(event.job_id)

    def started(self, event: PictureStarted) -> None:
        with self._lock:
            live = self._live.get(event.job_id)
            if live is not None:
                live.loading = None
                self._changed.add(event.job_id)

    def stepped(self, event: PictureStep) -> None:
        with self._lock:
            live = self._live.get(event.job_id)
            if live is None or live.pictures[event.index].state is not JobState.RUNNING:
                return
            picture = live.pictures[event.index]
            version = picture.preview_version + (event.preview is not None)
            live.pictures[event.index] = replace(picture, step=event.step, steps=event.steps, preview_version=version)
            if event.preview is not None:
                self._hub.keep_preview(live.job.owner, event.job_id, event.index, event.preview)
            self._pace.stepped((event.job_id, event.index), live.kind, event.step, time.monotonic())
            self._changed.add(event.job_id)

    def made(self, job_id: str, index: int) -> None:
        """A picture is finished, though not saved yet."""
        with self._lock:
            live = self._live.get(job_id)
            if live is not None:
                self._pace.finished((job_id, index), live.kind, time.monotonic())

    def flush(self) -> None:
        """Show what has changed since the last call: one update a job, however many steps came at once."""
        with self._lock:
            changed, self._changed = self._changed, set()
            self._tell(changed)

    def notify(self, notice: str | None) -> None:
        """Say what holds everybody up, or that nothing does any more."""
        with self._lock:
            if notice != self._notice:
                self._notice = notice
                self._tell(list(self._live))

    # --- under the lock ---

    def _show(self, job: Job) -> None:
        before = self._live.get(job.id)
        live = _fresh(job)
        if before is not None:
            live.loading = before.loading if job.state is JobState.RUNNING else None
            for index, (now, then) in enumerate(zip(live.pictures, before.pictures, strict=True)):
                still_running = now.state is then.state is JobState.RUNNING
                live.pictures[index] = then if still_running else replace(now, preview_version=then.preview_version)
                if then.state is JobState.RUNNING and not still_running:
                    self._hub.drop_preview(job.id, index)
                    self._pace.forget((job.id, index))
        self._live[job.id] = live
        self._tell([job.id])
        if job.state.finished:
            del self._live[job.id]

    def _in_order(self) -> list[JobView]:
        jobs = [live.job for live in self._live.values()]
        jobs.sort(key=lambda job: (job.owner, -job.priority, job.created_at, job.id))
        return [self._view(self._live[job.id]) for job in jobs]

    def _tell(self, job_ids: Iterable[str]) -> None:
        for job_id in job_ids:
            live = self._live.get(job_id)
            if live is not None:
                self._hub.publish(live.job.owner, self._view(live))

    def _view(self, live: _Live) -> JobView:
        job = live.job
        return JobView(
            id=job.id,
            owner=job.owner,
            state=job.state,
            count=job.count,
            recipe=job.recipe,
            pictures=tuple(live.pictures),
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            place=self._places.get(job.id) if job.state is JobState.QUEUED else None,
            loading=live.loading,
            seconds_left=self._seconds_left(live),
            error=job.error,
            notice=None if job.state.finished else self._notice,
            revision=next(self._revisions),
            paused=job.paused and not job.state.finished,
        )

    def _seconds_left(self, live: _Live) -> float | None:
        if live.job.state.finished:
            return None
        running = [one.steps - one.step for one in live.pictures if one.state is JobState.RUNNING]
        waiting = sum(one.steps for one in live.pictures if one.state is JobState.QUEUED)
        return self._pace.seconds_left(live.kind, running, waiting)


def _is_in_line(job: Job) -> bool:
    return job.state is JobState.QUEUED and not job.paused


def _fresh(job: Job) -> _Live:
    return _Live(job, kind_of(job.recipe), [_picture_view(job, picture) for picture in job.pictures])


def _picture_view(job: Job, picture: Picture) -> PictureView:
    recipe = job.recipe_of(picture)
    return PictureView(
        index=picture.index,
        state=picture.state,
        seed=recipe.seed,
        variation_seed=recipe.variation_seed,
        steps=recipe.steps,
        step=recipe.steps if picture.state is JobState.DONE else 0,
        image_id=picture.image_id,
        error=picture.error,
        seconds=picture.seconds,
        prompt=recipe.prompt if recipe.prompt != job.recipe.prompt else None,
    )
