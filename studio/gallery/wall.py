"""The wall of the household: pictures that people hang there on purpose, for everybody who is logged in.

A picture on the wall has an id of its own, so its id in the gallery stays nobody else's business. Where the prompt is
hidden, nothing that leaves here says how the picture was made. What is in the bin is off the wall until it is back.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import Select, delete, func, select
from sqlalchemy.exc import IntegrityError

from studio.errors import Conflict, NotFound
from studio.gallery.gallery import Gallery
from studio.gallery.image import Image, from_row
from studio.store import Database
from studio.store.tables import ImageRow, OwnerRow, PersonRow, WallRow

GONE = "This picture does not hang on the wall (any more)."


@dataclass(frozen=True)
class Hanging:
    """A picture on the wall: who hung it there, and whether its prompt may be read."""

    id: str
    by: str
    image: Image
    shows_prompt: bool
    hung_at: datetime

    def as_dict(self, viewer: str) -> dict[str, Any]:
        """As ``viewer`` may see it."""
        is_own = self.image.owner == viewer
        return {
            "id": self.id,
            "by": self.by,
            "mine": is_own,
            "image_id": self.image.id if is_own else None,
            "shows_prompt": self.shows_prompt,
            "prompt": self.image.prompt if self.shows_prompt or is_own else None,
            "width_px": self.image.width_px,
            "height_px": self.image.height_px,
            "hung_at": self.hung_at.isoformat(),
        }


class Wall:
    """The wall over ``gallery``."""

    def __init__(self, database: Database, gallery: Gallery) -> None:
        self.database, self.gallery = database, gallery

    def hang(self, owner: str, image_id: str, shows_prompt: bool = True) -> Hanging:
        """Hang a picture of somebody's own; hanging it again changes whether its prompt is shown.

        Raises:
            NotFound: no such picture, or somebody else's.
            Conflict: it is in the bin.
        """
        if self.gallery.get(owner, image_id).binned_at is not None:
            raise Conflict("This picture is in the bin. Put it back first.")
        try:
            with self.database.session() as session:
                row = session.scalar(select(WallRow).where(WallRow.image_id == image_id))
                if row is None:
                    now = datetime.now(timezone.utc)
                    row = WallRow(id=secrets.token_hex(16), image_id=image_id, hung_at=now)
                    session.add(row)
                row.shows_prompt = shows_prompt
        except IntegrityError as error:  # another request of theirs was faster, or the picture has just been deleted
            raise Conflict("This picture was changed at the same moment. Try again.") from error
        return self.get(row.id)

    def list(self, limit: int = 60, offset: int = 0) -> tuple[Sequence[Hanging], int]:
        """What hangs there, newest first, and how many do."""
        with self.database.reading() as session:
            total = session.scalar(select(func.count()).select_from(_hanging().subquery())) or 0
            newest = _hanging().order_by(WallRow.hung_at.desc(), WallRow.id).offset(offset).limit(limit)
            return [_of(*row) for row in session.execute(newest).all()], total

    def get(self, hanging_id: str) -> Hanging:
        """One of them. Raises `NotFound`."""
        with self.database.reading() as session:
            row = session.execute(_hanging().where(WallRow.id == hanging_id)).first()
        if row is None:
            raise NotFound(GONE)
        return _of(*row)

    def take_down(self, hanging_id: str, owner: str | None) -> None:
        """Take a picture of ``owner`` down, or anybody's for ``None``; the picture itself stays.

        Raises:
            NotFound: there is none of theirs.
        """
        with self.database.session() as session:
            of = select(ImageRow.owner_id).join(WallRow, WallRow.image_id == ImageRow.id)
            whose = session.scalar(of.where(WallRow.id == hanging_id))
            if whose is None or owner not in (None, whose):
                raise NotFound(GONE)
            session.execute(delete(WallRow).where(WallRow.id == hanging_id))


def _hanging() -> Select[WallRow, ImageRow, str]:
    name = func.coalesce(PersonRow.name, OwnerRow.name)
    return (
        select(WallRow, ImageRow, name)
        .join(ImageRow, ImageRow.id == WallRow.image_id)
        .join(OwnerRow, OwnerRow.id == ImageRow.owner_id)
        .outerjoin(PersonRow, PersonRow.id == ImageRow.owner_id)
        .where(ImageRow.binned_at.is_(None))
    )


def _of(row: WallRow, image: ImageRow, name: str) -> Hanging:
    return Hanging(row.id, name, from_row(image), row.shows_prompt, row.hung_at)
