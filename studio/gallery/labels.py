"""Tags and albums: what a person puts pictures in order with. They stand in rows only, as favourites do.

Every change is all or none, and refuses ids of other owners as if they did not exist.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from studio.errors import Conflict, InvalidField, NotFound
from studio.store import Database
from studio.store.tables import AlbumImageRow, AlbumRow, ImageRow, ImageTagRow

MOST_CHARACTERS = 60
IDS_AT_ONCE = 500
_STRANGE = re.compile(r'["\x00-\x1f]')


@dataclass(frozen=True)
class Album:
    """A named set of pictures; ``count`` leaves out those in the bin."""

    id: str
    name: str
    count: int

    def as_dict(self) -> dict[str, object]:
        """As the REST routes answer it."""
        return {"id": self.id, "name": self.name, "count": self.count}


class Labels:
    """The tags and albums of a database. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self.database = database

    # --- tags ---

    def tag(self, owner: str, image_ids: Sequence[str], add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Put tags on images, and take others off; small letters, so that *Sky* and *sky* are one.

        Raises:
            InvalidField: a tag that is empty, too long, or holds quotes.
            NotFound: an image is not the owner's; nothing was changed.
        """
        added = {_checked("tag", name).lower() for name in add}
        removed = {_checked("tag", name).lower() for name in remove}
        with self.database.session() as session:
            for some in _own(session, owner, image_ids):
                here = ImageTagRow.image_id.in_(some)
                session.execute(delete(ImageTagRow).where(here, ImageTagRow.name.in_(added | removed)))
                session.add_all(ImageTagRow(image_id=one, name=name) for one in some for name in added)
                session.flush()

    def tags(self, owner: str) -> dict[str, int]:
        """Every tag of an owner with how many pictures have it, by name."""
        counted = (
            select(ImageTagRow.name, func.count())
            .join(ImageRow, ImageRow.id == ImageTagRow.image_id)
            .where(ImageRow.owner_id == owner, ImageRow.binned_at.is_(None))
            .group_by(ImageTagRow.name)
            .order_by(ImageTagRow.name)
        )
        with self.database.reading() as session:
            return {row[0]: row[1] for row in session.execute(counted)}

    # --- albums ---

    def albums(self, owner: str) -> list[Album]:
        """Every album of an owner, by name."""
        counted = (
            select(AlbumRow.id, AlbumRow.name, func.count(ImageRow.id))
            .outerjoin(AlbumImageRow, AlbumImageRow.album_id == AlbumRow.id)
            .outerjoin(ImageRow, (ImageRow.id == AlbumImageRow.image_id) & ImageRow.binned_at.is_(None))
            .where(AlbumRow.owner_id == owner)
            .group_by(AlbumRow.id, AlbumRow.name)
            .order_by(func.lower(AlbumRow.name))
        )
        with self.database.reading() as session:
            return [Album(*row) for row in session.execute(counted)]

    def new_album(self, owner: str, name: str) -> Album:
        """An empty album. Raises `InvalidField`, and `Conflict` when there is one of that name."""
        album = AlbumRow(
            id=secrets.token_hex(8), owner_id=owner, name=_checked("name", name), created_at=datetime.now(timezone.utc)
        )
        with self.database.session() as session:
            _refuse_double(session, owner, album.name)
            session.add(album)
        return Album(album.id, album.name, 0)

    def album_named(self, owner: str, name: str) -> Album:
        """The album of that name, whatever its capitals; a new one where there is none. Raises `InvalidField`."""
        same = select(AlbumRow).where(AlbumRow.owner_id == owner, func.lower(AlbumRow.name) == func.lower(name))
        with self.database.session() as session:
            found = session.scalar(same)
            return Album(found.id, found.name, 0) if found is not None else self.new_album(owner, name)

    def rename_album(self, owner: str, album_id: str, name: str) -> None:
        """Another name for an album. Raises `NotFound`, `InvalidField`, `Conflict`."""
        checked = _checked("name", name)
        with self.database.session() as session:
            album = _album(session, owner, album_id)
            if album.name.lower() != checked.lower():
                _refuse_double(session, owner, checked)
            album.name = checked

    def delete_album(self, owner: str, album_id: str) -> None:
        """Take an album away; its pictures stay. Raises `NotFound`."""
        with self.database.session() as session:
            session.delete(_album(session, owner, album_id))

    def fill_album(self, owner: str, album_id: str, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Put images into an album, and take others out. Raises `NotFound`; then nothing was changed."""
        with self.database.session() as session:
            album = _album(session, owner, album_id)
            for put, ids in ((True, add), (False, remove)):
                for some in _own(session, owner, ids):
                    here = (AlbumImageRow.album_id == album.id, AlbumImageRow.image_id.in_(some))
                    session.execute(delete(AlbumImageRow).where(*here))
                    if put:
                        session.add_all(AlbumImageRow(album_id=album.id, image_id=one) for one in some)
                    session.flush()

    def of_image(self, owner: str, image_id: str) -> dict[str, list[str]]:
        """The tags of one image, and the names of the albums it is in. Raises `NotFound`."""
        with self.database.reading() as session:
            list(_own(session, owner, [image_id]))
            tags = select(ImageTagRow.name).where(ImageTagRow.image_id == image_id).order_by(ImageTagRow.name)
            albums = (
                select(AlbumRow.name)
                .join(AlbumImageRow, AlbumImageRow.album_id == AlbumRow.id)
                .where(AlbumImageRow.image_id == image_id, AlbumRow.owner_id == owner)
                .order_by(AlbumRow.name)
            )
            return {"tags": list(session.scalars(tags)), "albums": list(session.scalars(albums))}


def _own(session: Session, owner: str, image_ids: Sequence[str]) -> Iterator[list[str]]:
    """The ids in portions that one statement takes, each once. Raises `NotFound` at the first that is not theirs."""
    ids = sorted(set(image_ids))
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = ids[start : start + IDS_AT_ONCE]
        known = set(session.scalars(select(ImageRow.id).where(ImageRow.owner_id == owner, ImageRow.id.in_(some))))
        for image_id in some:
            if image_id not in known:
                raise NotFound(f"There is no picture {image_id[:40]!r} in your gallery. Nothing was changed.")
        yield some


def _album(session: Session, owner: str, album_id: str) -> AlbumRow:
    album = session.scalar(select(AlbumRow).where(AlbumRow.id == album_id, AlbumRow.owner_id == owner))
    if album is None:
        raise NotFound(f"There is no album {album_id[:40]!r} in your gallery.")
    return album


def _refuse_double(session: Session, owner: str, name: str) -> None:
    same = select(AlbumRow.id).where(AlbumRow.owner_id == owner, func.lower(AlbumRow.name) == func.lower(name))
    if session.scalar(same) is not None:
        raise Conflict(f"There is an album {name!r} already. Put the pictures into that one, or choose another name.")


def _checked(field: str, name: str) -> str:
    clean = " ".join(name.split())
    if not clean or len(clean) > MOST_CHARACTERS or _STRANGE.search(clean):
        raise InvalidField(field, f"{name[:40]!r} cannot be used", f"1 to {MOST_CHARACTERS} characters without quotes")
    return clean
