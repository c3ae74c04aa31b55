"""Links to one picture, for whoever has the link: nothing else of the studio can be reached by it.

A link is an id and a seal that only this home can make, so links can be shown again to whom they belong without being
kept; guessing one means guessing 192 bits. It ends when it expires, is withdrawn, or the picture goes into the bin.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import Select, delete, func, or_, select
from sqlalchemy.exc import IntegrityError

from studio.errors import Conflict, InvalidField, NotFound
from studio.gallery.gallery import Gallery
from studio.gallery.image import Image, from_row
from studio.store import Database
from studio.store.tables import ImageRow, LinkRow, OwnerRow, PersonRow

MOST_HOURS = 24 * 366
MOST_LINKS = 500
ID_LENGTH = 16
GONE = "There is nothing at this address (any more). Ask whoever sent it for a new link."


@dataclass(frozen=True)
class Link:
    """A link by its ``id`` and ``token``; ``expires_at`` is ``None`` for one that stays until it is withdrawn."""

    id: str
    token: str
    by: str
    image: Image
    shows_prompt: bool
    made_at: datetime
    expires_at: datetime | None

    def as_dict(self, viewer: str) -> dict[str, Any]:
        """As ``viewer`` may see it: where it leads is the business of whose it is."""
        told = {
            "id": self.id,
            "by": self.by,
            "mine": self.image.owner == viewer,
            "shows_prompt": self.shows_prompt,
            "made_at": self.made_at.isoformat(),
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
        }
        own = {"image_id": self.image.id, "path": f"/shared/{self.token}"} if told["mine"] else {}
        return {**told, **own}


class Links:
    """The links over ``gallery``; ``seal`` makes of a text what only this home can make of it."""

    def __init__(self, database: Database, gallery: Gallery, seal: Callable[[str], str]) -> None:
        self.database, self.gallery, self._seal = database, gallery, seal

    def make(self, owner: str, image_id: str, hours: float | None, shows_prompt: bool = False) -> Link:
        """A link to a picture of somebody's own, good for some hours, or until it is withdrawn for ``None``.

        Raises:
            NotFound: no such picture, or somebody else's.
            InvalidField, Conflict: the time is out of range, or there are too many links.
        """
        if hours is not None and not 0 < hours <= MOST_HOURS:
            raise InvalidField("hours", f"{hours:g} is out of range", f"more than 0, up to {MOST_HOURS}, or null")
        if self.gallery.get(owner, image_id).binned_at is not None:
            raise Conflict("This picture is in the bin. Put it back first.")
        now = datetime.now(timezone.utc)
        row = LinkRow(
            id=secrets.token_hex(ID_LENGTH // 2), image_id=image_id, shows_prompt=shows_prompt, made_at=now,
            expires_at=now + timedelta(hours=hours) if hours is not None else None,
        )  # fmt: skip
        try:
            with self.database.session() as session:
                own = select(func.count()).select_from(_open().where(ImageRow.owner_id == owner).subquery())
                if (session.scalar(own) or 0) >= MOST_LINKS:
                    raise Conflict(f"There are {MOST_LINKS} links of yours already. Withdraw one first.")
                session.add(row)
        except IntegrityError as error:
            raise Conflict("This picture was deleted at the same moment.") from error
        return self._find(row.id)

    def list(self, owner: str | None) -> Sequence[Link]:
        """The links of ``owner``, or of everybody for ``None``, that still lead somewhere; newest first."""
        newest = _open().order_by(LinkRow.made_at.desc())
        if owner is not None:
            newest = newest.where(ImageRow.owner_id == owner)
        with self.database.reading() as session:
            return [self._of(*row) for row in session.execute(newest).all()]

    def withdraw(self, link_id: str, owner: str | None) -> None:
        """Let a link of ``owner`` lead nowhere, or anybody's for ``None``. Raises `NotFound`."""
        with self.database.session() as session:
            of = select(ImageRow.owner_id).join(LinkRow, LinkRow.image_id == ImageRow.id).where(LinkRow.id == link_id)
            whose = session.scalar(of)
            if whose is None or owner not in (None, whose):
                raise NotFound("You have no such link.")
            session.execute(delete(LinkRow).where(LinkRow.id == link_id))

    def open(self, token: str) -> Link:
        """Where a link leads. Raises `NotFound`, in the same words whatever is wrong with it."""
        link_id = token[:ID_LENGTH]
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self._token(link_id).encode("utf-8", "replace")):
            raise NotFound(GONE)
        return self._find(link_id)

    def _find(self, link_id: str) -> Link:
        with self.database.reading() as session:
            row = session.execute(_open().where(LinkRow.id == link_id)).first()
        if row is None:
            raise NotFound(GONE)
        return self._of(*row)

    def _token(self, link_id: str) -> str:
        return link_id + self._seal(link_id)

    def _of(self, row: LinkRow, image: ImageRow, name: str) -> Link:
        token = self._token(row.id)
        return Link(row.id, token, name, from_row(image), row.shows_prompt, row.made_at, row.expires_at)


def _open() -> Select[LinkRow, ImageRow, str]:
    """Links that lead somewhere now: a picture in the bin is not shown, and comes back with it."""
    name = func.coalesce(PersonRow.name, OwnerRow.name)
    return (
        select(LinkRow, ImageRow, name)
        .join(ImageRow, ImageRow.id == LinkRow.image_id)
        .join(OwnerRow, OwnerRow.id == ImageRow.owner_id)
        .outerjoin(PersonRow, PersonRow.id == ImageRow.owner_id)
        .where(ImageRow.binned_at.is_(None))
        .where(or_(LinkRow.expires_at.is_(None), LinkRow.expires_at > datetime.now(timezone.utc)))
    )
