"""Pictures from elsewhere, taken into the gallery one by one: copied byte for byte, named by their content, described
by whatever program made them. The same content comes in once, however often it is brought.

A copy lies in ``images/imported/OWNER/``: so a rebuild from the files knows whose it is. Its time of writing is when it
was made, so a rebuild knows that too.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from studio.errors import InvalidField
from studio.gallery import originals, png
from studio.gallery.description import Description
from studio.gallery.identity import Identity
from studio.gallery.image import Image
from studio.gallery.labels import MOST_CHARACTERS
from studio.gallery.moments import made_at
from studio.store import write_atomic
from studio.store.tables import ImageRow

if TYPE_CHECKING:
    from studio.gallery.gallery import Gallery

IMPORTED = "imported"
"""The folder in ``images/`` of what came from elsewhere."""

LabelKind = Literal["none", "tags", "albums"]
LABEL_KINDS: tuple[LabelKind, ...] = ("none", "tags", "albums")
Outcome = Literal["imported", "here", "in_bin"]


@dataclass(frozen=True)
class Taken:
    """What became of a picture: ``imported``, ``here`` (before, too), or ``in_bin``; and the image it is."""

    outcome: Outcome
    image: Image


@dataclass(frozen=True)
class Prepared:
    """A picture whose file lies in the gallery and whose row is still to come; ``folders`` are those it lay in.

    ``again`` prepares it anew, where it was deleted for good meanwhile.
    """

    row: ImageRow
    folders: tuple[str, ...]
    is_new: bool
    again: Callable[[], Prepared] | None = None


def owner_of(file: str) -> str | None:
    """Whose an imported picture is, by where it lies; ``None`` for others."""
    parts = PurePosixPath(file).parts
    return parts[1] if len(parts) >= 3 and parts[0] == IMPORTED else None


def content_id(owner: str, sha256: str) -> str:
    """The id of a picture that is named by its content: the same for the same file, another for every owner."""
    return hashlib.sha256(f"{owner} {sha256}".encode()).hexdigest()[:32]


class Incoming:
    """Takes pictures into ``gallery``."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._database = gallery.database

    def take(self, data: bytes, owner: str, path: str, modified_at: datetime, labels: LabelKind = "none") -> Taken:
        """Take one picture in; ``path`` is what it was called, with the folders it lay in.

        Raises:
            InvalidField: no whole picture of a kind that is kept.
            StorageFull, StorageError: it could not be kept.
        """

        def prepared() -> Prepared:
            return replace(self.prepare(data, owner, path, modified_at), again=prepared)

        try:
            first = prepared()
        except png.DamagedPng as error:
            raise InvalidField("file", f"{PurePosixPath(path).name or 'it'} {error}", "a whole picture") from error
        ((outcome, image_id),) = self._entered([first], owner, labels)
        return Taken(outcome, self._gallery.get(owner, image_id))

    def prepare(self, data: bytes, owner: str, path: str, modified_at: datetime) -> Prepared:
        """Look at a file and copy it, unless its content is here. Raises `DamagedPng`, `StorageError`."""
        original = originals.parse(data)
        folders = tuple(part for part in PurePosixPath(path).parts[:-1] if part not in ("/", ".", ".."))
        identity = Identity.from_png_text(original.text)
        named = content_id(owner, original.sha256)
        known = self._known(owner, original.sha256, [named, *([identity.id] if identity else [])])
        if known is not None:
            return Prepared(known, folders, is_new=False)
        made = identity.created_at if identity else made_at(original.text, path, modified_at)
        file = f"{IMPORTED}/{owner}/{original.sha256[:2]}/{original.sha256}{original.suffix}"
        target = self._gallery.folder / file
        self._gallery.check_folder()
        if not target.is_file():  # else it was copied for the same portion, or just before a crash
            write_atomic(target, data, root=self._gallery.folder.parent)
            with contextlib.suppress(OSError, OverflowError):  # a rebuild would then say the moment of the import
                os.utime(target, (made.timestamp(), made.timestamp()))
        row = ImageRow(
            id=identity.id if identity and not self._is_taken(identity.id) else named,
            owner_id=owner,
            job_id=None,
            idx=None,
            file=file,
            sha256=original.sha256,
            width_px=original.width_px,
            height_px=original.height_px,
            created_at=made,
            favourite=False,
            **Description.from_png_text(original.text).columns(),
        )
        return Prepared(row, folders, is_new=True)

    def enter(self, pictures: Sequence[Prepared], owner: str, labels: LabelKind = "none") -> list[Outcome]:
        """Give pictures their rows and labels, in one transaction. Raises `StorageError`."""
        return [outcome for outcome, _ in self._entered(pictures, owner, labels)]

    def _entered(self, pictures: Sequence[Prepared], owner: str, labels: LabelKind) -> list[tuple[Outcome, str]]:
        """What became of each, and the id of its image."""
        with self._database.session() as session:
            present = [self._present(session, one) for one in pictures]
            outcomes = [self._enter(session, one) for one in present]
            self._label(owner, present, labels)
        return [(outcome, one.row.id) for outcome, one in zip(outcomes, present, strict=True)]

    def _present(self, session: Session, picture: Prepared) -> Prepared:
        """The picture with what was looked up before: its row, or its file, may have been deleted for good since.

        Not from here on: a deletion is a transaction, too.
        """
        if picture.is_new:
            is_there = (self._gallery.folder / picture.row.file).is_file()
        else:
            is_there = session.scalar(select(ImageRow.number).where(ImageRow.id == picture.row.id)) is not None
        return picture if is_there or picture.again is None else picture.again()

    def _enter(self, session: Session, picture: Prepared) -> Outcome:
        if picture.is_new:
            # the second of two imports at once, or of one portion, finds its row there
            with contextlib.suppress(IntegrityError), session.begin_nested():
                session.add(picture.row)
                session.flush()
                return "imported"
        in_bin = select(ImageRow.binned_at).where(ImageRow.id == picture.row.id)
        return "in_bin" if session.scalar(in_bin) is not None else "here"

    def _label(self, owner: str, pictures: Sequence[Prepared], labels: LabelKind) -> None:
        names: dict[str, list[str]] = {}
        for picture in pictures:
            for name in _names(picture.folders, labels):
                names.setdefault(name, []).append(picture.row.id)
        kept = self._gallery.labels
        for name, ids in names.items():
            if labels == "tags":
                kept.tag(owner, ids, add=[name])
            else:
                kept.fill_album(owner, kept.album_named(owner, name).id, add=ids)

    def _known(self, owner: str, sha256: str, ids: Sequence[str]) -> ImageRow | None:
        own = (ImageRow.owner_id == owner, ImageRow.id.in_(ids), ImageRow.sha256 == sha256)
        with self._database.reading() as session:
            return session.scalar(select(ImageRow).where(*own))

    def _is_taken(self, image_id: str) -> bool:
        with self._database.reading() as session:
            return session.scalar(select(ImageRow.number).where(ImageRow.id == image_id)) is not None


def _names(folders: Sequence[str], labels: LabelKind) -> list[str]:
    """What the folders of a picture are called as labels: a tag each, or one album for all of them."""
    if labels == "none" or not folders:
        return []
    clean = [" ".join("".join(sign for sign in name if sign.isprintable() and sign != '"').split()) for name in folders]
    parts = [name for name in clean if name]
    if labels == "tags":
        return [name[:MOST_CHARACTERS].strip() for name in parts]
    while len(" / ".join(parts)) > MOST_CHARACTERS and len(parts) > 1:
        parts = parts[1:]
    return [" / ".join(parts)[:MOST_CHARACTERS].strip()] if parts else []


def now() -> datetime:
    """When a file that says nothing is taken to be from."""
    return datetime.now(timezone.utc)


def modified_at(path: Path) -> datetime:
    """When a file was last written. Raises `OSError`."""
    return datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
