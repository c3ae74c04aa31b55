"""One's own jobs in one's own order: paused and resumed, moved up and down, cleared away when they have ended.

The order is that of priorities, then of age. Moving a job gives it, and all of one's own that stand before it, falling
priorities, so that they keep the places they were shown at; later jobs come after them. It refuses to touch anybody
else's, and what is on its way is not stopped by a pause.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from studio.errors import Conflict, InvalidField
from studio.jobs.reading import own_job, read_jobs
from studio.jobs.records import Job
from studio.jobs.shares import Shares
from studio.jobs.states import UNFINISHED, has_work
from studio.recipe.events import JobState
from studio.store.database import Database
from studio.store.tables import JobRow

ENDED = (JobState.DONE.value, JobState.FAILED.value, JobState.CANCELLED.value)


class Line:
    """The jobs of each person in ``database``, in order. Safe to share between threads."""

    def __init__(self, database: Database, shares: Shares) -> None:
        self._database = database
        self._shares = shares

    def list(self, owner: str) -> tuple[Job, ...]:
        """One's own jobs that have not ended, in the order in which they are taken up."""
        with self._database.reading() as session:
            return tuple(read_jobs(session, _waiting(session, owner)))

    def ended(self, owner: str, limit: int = 50) -> tuple[Job, ...]:
        """One's own jobs that have ended and were not cleared away, the latest first."""
        shown = JobRow.owner_id == owner, JobRow.state.in_(ENDED), ~JobRow.cleared
        latest = select(JobRow).where(*shown).order_by(JobRow.finished_at.desc(), JobRow.id).limit(limit)
        with self._database.reading() as session:
            return tuple(read_jobs(session, session.scalars(latest).all()))

    def pause(self, owner: str, job_id: str) -> Job:
        """Take no more pictures of a job. Raises `NotFound`, `Conflict` for one that has ended."""
        with self._database.session() as session:
            row = _unfinished(session, owner, job_id)
            row.paused = True
            return read_jobs(session, [row])[0]

    def resume(self, owner: str, job_id: str) -> Job:
        """Go on with a paused job. Raises `NotFound`, `Conflict` for one that has ended."""
        with self._database.session() as session:
            row = _unfinished(session, owner, job_id)
            if row.paused and not has_work(session, owner):
                self._shares.arrive(owner)
            row.paused = False
            return read_jobs(session, [row])[0]

    def pause_all(self, owner: str) -> tuple[str, ...]:
        """Pause everything of one's own that is there now; the ids of what that changed."""
        return self._set_all(owner, paused=True)

    def resume_all(self, owner: str) -> tuple[str, ...]:
        """Go on with all of one's own jobs; the ids of what that changed."""
        return self._set_all(owner, paused=False)

    def move(self, owner: str, job_id: str, place: int) -> tuple[str, ...]:
        """Put a job at ``place`` among one's own unfinished ones, counted from 1; the ids in their new order.

        Raises:
            NotFound: no such job, or somebody else's.
            Conflict: it has ended.
            InvalidField: a place below 1. One beyond the last is the last.
        """
        if place < 1:
            raise InvalidField("place", f"{place} is no place in line", "1 or more; 1 is the next")
        with self._database.session() as session:
            row = _unfinished(session, owner, job_id)
            jobs = list(_waiting(session, owner))
            before = jobs.index(row)
            jobs.insert(min(place, len(jobs)) - 1, jobs.pop(before))
            last_changed = max(before, jobs.index(row))
            least = jobs[last_changed + 1].priority if last_changed + 1 < len(jobs) else 0
            for above, job in enumerate(reversed(jobs[: last_changed + 1]), start=1):
                job.priority = max(least, 0) + above
            return tuple(job.id for job in jobs)

    def clear(self, owner: str) -> int:
        """Show one's own jobs that have ended no more in the queue; how many there were. Pictures stay."""
        ended = JobRow.owner_id == owner, JobRow.state.in_(ENDED), ~JobRow.cleared
        with self._database.session() as session:
            return int(session.execute(update(JobRow).where(*ended).values(cleared=True)).rowcount)  # type: ignore[attr-defined]

    def _set_all(self, owner: str, *, paused: bool) -> tuple[str, ...]:
        with self._database.session() as session:
            changed = [row for row in _waiting(session, owner) if row.paused is not paused]
            if changed and not paused and not has_work(session, owner):
                self._shares.arrive(owner)
            for row in changed:
                row.paused = paused
            return tuple(row.id for row in changed)


def _waiting(session: Session, owner: str) -> Sequence[JobRow]:
    mine = select(JobRow).where(JobRow.owner_id == owner, JobRow.state.in_(UNFINISHED))
    return session.scalars(mine.order_by(JobRow.priority.desc(), JobRow.created_at, JobRow.id)).all()


def _unfinished(session: Session, owner: str, job_id: str) -> JobRow:
    row = own_job(session, owner, job_id)
    if row.state not in UNFINISHED:
        raise Conflict("This job has ended; there is nothing left to wait for.")
    return row
