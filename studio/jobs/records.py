"""Jobs and pictures as the database has them: frozen copies that may travel between threads."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from studio.errors import InvalidField
from studio.recipe import ResolvedRecipe
from studio.recipe.events import JobState
from studio.store.tables import JobRow, PictureRow

_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

PictureKey = tuple[str, int]
"""Job id and index of a picture."""


@dataclass(frozen=True)
class Picture:
    """One picture of a job. ``attempts`` counts the workers that died while making it; ``seconds`` is what it cost."""

    index: int
    state: JobState
    attempts: int = 0
    image_id: str | None = None
    error: str | None = None
    seconds: float | None = None
    changes: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Job:
    """An order of ``count`` pictures. ``recipe`` is that of picture 0; ``recipe_of`` gives the others'.

    Of a ``paused`` job no further picture is taken.
    """

    id: str
    owner: str
    recipe: ResolvedRecipe
    count: int
    state: JobState
    priority: int
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    pictures: tuple[Picture, ...]
    paused: bool = False

    def recipe_of(self, picture: Picture) -> ResolvedRecipe:
        """The recipe of one of its pictures."""
        return self.recipe.for_picture(picture.index, picture.changes)


@dataclass(frozen=True)
class Order:
    """What is to be queued as one job; see `Queue.enqueue`."""

    recipe: ResolvedRecipe
    count: int = 1
    job_id: str | None = None
    priority: int = 0
    rolled: Collection[str] = ()
    changes: Sequence[Mapping[str, Any] | None] = ()

    def checked_id(self) -> str:
        """The job's id, made up where nobody chose one. Raises `InvalidField`."""
        if self.count < 1:
            raise InvalidField("count", f"{self.count} pictures cannot be ordered", "1 or more")
        if self.job_id is not None and not _JOB_ID.fullmatch(self.job_id):
            raise InvalidField("id", "cannot be used", "1 to 64 letters, digits, - and _")
        return self.job_id or secrets.token_hex(8)


@dataclass(frozen=True)
class TakenPicture:
    """A picture that was taken from the queue for a worker. ``suspect``: its job was running when a worker died.

    ``at_once``: its owner had nothing on its way, so it need not wait for a place.
    """

    owner: str
    job_id: str
    index: int
    recipe: ResolvedRecipe
    suspect: bool
    at_once: bool = False

    @property
    def key(self) -> PictureKey:
        return self.job_id, self.index


def job_of(row: JobRow, pictures: Iterable[PictureRow]) -> Job:
    """The record of a row and the rows of its pictures, which come in the order of their index."""
    return Job(
        id=row.id,
        owner=row.owner_id,
        recipe=ResolvedRecipe(**row.recipe),
        count=row.count,
        state=JobState(row.state),
        priority=row.priority,
        error=row.error,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        paused=row.paused,
        pictures=tuple(
            Picture(
                index=picture.idx,
                state=JobState(picture.state),
                attempts=picture.attempts,
                image_id=picture.image_id,
                error=picture.error,
                seconds=picture.seconds,
                changes=picture.changes,
            )
            for picture in pictures
        ),
    )
