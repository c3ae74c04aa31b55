"""How states of pictures change, and how they sum up to the state of their job; for use within a transaction."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timezone

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from studio.jobs.records import PictureKey
from studio.recipe.events import JobState
from studio.store.tables import JobRow, PictureRow

MOST_ATTEMPTS = 2
"""A job that was running this often when its worker died is taken for the cause."""

UNFINISHED = (JobState.QUEUED.value, JobState.RUNNING.value)


def has_work(session: Session, owner: str) -> bool:
    """Whether anything of ``owner``'s waits or is on its way; what is paused does neither."""
    working = select(JobRow.id).where(JobRow.owner_id == owner, JobRow.state.in_(UNFINISHED), ~JobRow.paused)
    return session.scalar(working.limit(1)) is not None


def change_picture(session: Session, key: PictureKey, before: Collection[JobState], **values: object) -> bool:
    """Set ``values`` if the picture is in one of the states ``before``; answers whether it was."""
    change = update(PictureRow).where(
        PictureRow.job_id == key[0], PictureRow.idx == key[1], PictureRow.state.in_([state.value for state in before])
    )
    return bool(session.execute(change.values(**values)).rowcount)  # type: ignore[attr-defined]


def killed_too_often(session: Session, job_id: str) -> bool:
    """Whether a picture of the job has had as many workers die on it as it may."""
    worst = session.scalar(select(func.max(PictureRow.attempts)).where(PictureRow.job_id == job_id))
    return (worst or 0) >= MOST_ATTEMPTS


def park(session: Session, job_id: str, reason: str) -> None:
    """Fail what is left of a job that killed its worker too often; ``reason`` is how the last one died."""
    change = update(PictureRow).where(PictureRow.job_id == job_id, PictureRow.state.in_(UNFINISHED))
    words = (
        f"Parked: its worker was killed twice while making it ({reason}). "
        "Try a smaller size, fewer pictures or another checkpoint, or retry it."
    )
    session.execute(change.values(state=JobState.FAILED.value, error=words))


def settle(session: Session, row: JobRow, may_wait_again: bool = False) -> None:
    """Sum the pictures up in the job's row.

    A job that has begun stays running between two of its pictures, though none may run for a moment; only where
    pictures went back into the queue (``may_wait_again``, or a finished job taken up again) does it wait again.
    """
    counted = select(PictureRow.state, func.count()).where(PictureRow.job_id == row.id).group_by(PictureRow.state)
    counts = {JobState(state): count for state, count in session.execute(counted).all()}
    row.error = None
    if JobState.QUEUED in counts or JobState.RUNNING in counts:
        if JobState.RUNNING in counts:
            row.state = JobState.RUNNING.value
        elif may_wait_again or JobState(row.state).finished:
            row.state = JobState.QUEUED.value
        row.finished_at = None
        return
    for state in (JobState.CANCELLED, JobState.FAILED, JobState.DONE):
        if state in counts:
            row.state = state.value
            break
    row.finished_at = row.finished_at or datetime.now(timezone.utc)
    if JobState.FAILED in counts:
        failed = PictureRow.job_id == row.id, PictureRow.state == JobState.FAILED.value
        row.error = session.scalar(select(PictureRow.error).where(*failed).order_by(PictureRow.idx).limit(1))
