"""What somebody has used of their quota, and the refusal that says when to come back. For use within a transaction.

An hour is the last sixty minutes. Pictures that were cancelled or failed do not count, so whoever orders by mistake and
cancels has lost nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from studio.accounts.quotas import Quota
from studio.errors import InvalidField, OverQuota
from studio.jobs.states import UNFINISHED
from studio.recipe import ResolvedRecipe
from studio.recipe.events import JobState
from studio.recipe.work import pixel_steps
from studio.store.tables import JobRow, PictureRow

HOUR = timedelta(hours=1)
LEAST_WAIT_S = 5
LONGEST_WAIT_S = 3600


@dataclass(frozen=True)
class Usage:
    """Pictures that wait or are on their way, and those ordered within the last hour. ``most`` is what is allowed."""

    waiting: int
    this_hour: int
    most: Quota

    def as_dict(self) -> dict[str, object]:
        """For JSON; a limit of 0 is none."""
        return {
            "waiting_pictures": {"used": self.waiting, "most": self.most.waiting_pictures},
            "pictures_per_hour": {"used": self.this_hour, "most": self.most.pictures_per_hour},
            "megapixel_steps": {"most": self.most.megapixel_steps},
        }


def usage(session: Session, owner: str, quota: Quota, now: datetime) -> Usage:
    """What ``owner`` has used by ``now``."""
    return Usage(_waiting(session, owner), sum(count for _, count in _ordered_since(session, owner, now - HOUR)), quota)


def check_work(recipe: ResolvedRecipe, quota: Quota) -> None:
    """Raises `InvalidField` for a picture that is more work than one may be."""
    most, work = quota.megapixel_steps * 1_000_000, pixel_steps(recipe)
    if not most or work <= most:
        return
    steps = int(recipe.steps * most / work)
    said = f"{recipe.width_px}x{recipe.height_px} in {recipe.steps} steps is more work than a picture of yours may be"
    raise InvalidField("steps", said, f"{steps} steps at this size, or a smaller one" if steps else "a smaller size")


def check_room(session: Session, owner: str, count: int, quota: Quota, now: datetime, picture_s: float | None) -> None:
    """Raises `OverQuota` while ``count`` more pictures are too many, `InvalidField` where they always will be.

    ``picture_s`` is about how long one more picture takes here.
    """
    for most in (quota.waiting_pictures, quota.pictures_per_hour):
        if most and count > most:
            raise InvalidField("count", f"{count} pictures are more than you may order at once", f"1 to {most}")
    _check_hour(session, owner, count, quota.pictures_per_hour, now)
    waiting = _waiting(session, owner) if quota.waiting_pictures else 0
    too_many = waiting + count - quota.waiting_pictures
    if quota.waiting_pictures and too_many > 0:
        wait_s = _bounded(60.0 if picture_s is None else too_many * picture_s)
        raise OverQuota(
            f"{waiting} of your pictures wait already, and {quota.waiting_pictures} may. "
            f"Try again in about {_in_words(wait_s)}, or cancel some.",
            wait_s,
        )


def _check_hour(session: Session, owner: str, count: int, most: int, now: datetime) -> None:
    if not most:
        return
    ordered = _ordered_since(session, owner, now - HOUR)
    used = sum(pictures for _, pictures in ordered)
    too_many = used + count - most
    for ordered_at, pictures in ordered:
        if too_many <= 0:
            return
        too_many -= pictures
        if too_many <= 0:
            wait_s = _bounded((ordered_at + HOUR - now).total_seconds())
            raise OverQuota(
                f"You have ordered {used} of the {most} pictures that you may an hour. "
                f"{'One more' if count == 1 else f'{count} more'} can be ordered in {_in_words(wait_s)}.",
                wait_s,
            )


def _waiting(session: Session, owner: str) -> int:
    jobs = select(JobRow.id).where(JobRow.owner_id == owner, JobRow.state.in_(UNFINISHED))
    waiting = PictureRow.job_id.in_(jobs), PictureRow.state.in_(UNFINISHED)
    return session.scalar(select(func.count()).select_from(PictureRow).where(*waiting)) or 0


def _ordered_since(session: Session, owner: str, since: datetime) -> list[tuple[datetime, int]]:
    """When jobs were ordered and how many pictures of each count, the oldest first."""
    counts = JobState.QUEUED.value, JobState.RUNNING.value, JobState.DONE.value
    ordered = (
        select(JobRow.created_at, func.count())
        .join(PictureRow, PictureRow.job_id == JobRow.id)
        .where(JobRow.owner_id == owner, JobRow.created_at > since, PictureRow.state.in_(counts))
        .group_by(JobRow.id)
        .order_by(JobRow.created_at)
    )
    return [(created_at, count) for created_at, count in session.execute(ordered)]


def _bounded(seconds: float) -> int:
    return min(max(math.ceil(seconds), LEAST_WAIT_S), LONGEST_WAIT_S)


def _in_words(seconds: int) -> str:
    if seconds < 100:
        return f"{seconds} seconds"
    return "an hour" if seconds > 3500 else f"{math.ceil(seconds / 60)} minutes"
