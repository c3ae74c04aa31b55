"""Reading jobs within a transaction: one's own by its id, and many with all their pictures by one query."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from studio.errors import NotFound
from studio.jobs.records import Job, job_of
from studio.store.tables import JobRow, PictureRow


def own_job(session: Session, owner: str, job_id: str) -> JobRow:
    """A job of ``owner``'s. Raises `NotFound` for an id that does not exist or is somebody else's."""
    row = session.get(JobRow, job_id)
    if row is None or row.owner_id != owner:
        raise NotFound(f"There is no job {job_id!r}.")
    return row


def read_jobs(session: Session, rows: Sequence[JobRow]) -> list[Job]:
    """The records of ``rows``, with all pictures by one query."""
    ids = [row.id for row in rows]
    wanted = select(PictureRow).where(PictureRow.job_id.in_(ids)).order_by(PictureRow.job_id, PictureRow.idx)
    found = session.scalars(wanted.execution_options(populate_existing=True)).all()
    pictures = {job_id: list(group) for job_id, group in groupby(found, key=lambda picture: picture.job_id)}
    return [job_of(row, pictures.get(row.id, ())) for row in rows]
