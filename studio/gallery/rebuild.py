"""Rows made from files: a quick look at every start, and the whole gallery again on request.

It never deletes a picture file, whatever is wrong with it: damaged files and copies are named and left alone.
Files are read outside of transactions, so others can write meanwhile.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from studio.errors import StorageError, StorageMissing
from studio.gallery import originals, png
from studio.gallery.anchor import FILE as ANCHOR
from studio.gallery.description import Description
from studio.gallery.identity import Identity
from studio.gallery.incoming import content_id, owner_of
from studio.gallery.thumbnails import Thumbnails
from studio.store import Database
from studio.store.files import OF_THE_DISK, is_abandoned, is_part
from studio.store.tables import LOCAL_OWNER, ImageRow, OwnerRow

log = logging.getLogger(__name__)

FILES_AT_ONCE = 100


@dataclass
class RebuildReport:
    """What a rebuild did. Files are named relative to the folder of images.

    ``added`` got a row; ``kept`` had one; ``moved`` lie elsewhere than before; ``gone`` are rows whose file is no more;
    ``damaged`` are files that are no whole pictures, with the reason; ``copies`` are second files of a picture that
    has a row; ``unfinished`` are half-written files of a crash, which were removed. ``problem`` is why it ended early.
    """

    added: int = 0
    kept: int = 0
    moved: int = 0
    gone: list[str] = field(default_factory=list)
    damaged: list[tuple[str, str]] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    problem: str = ""

    def __str__(self) -> str:
        lines = [f"{self.added} pictures added, {self.kept} kept, {self.moved} found elsewhere."]
        lines += [f"Damaged, left where it is: {file} {reason}." for file, reason in self.damaged]
        lines += [f"A copy of another, not listed twice: {file}." for file in self.copies]
        lines += [f"Gone, taken off the list: {file}." for file in self.gone]
        lines += [f"Half-written, removed: {file}." for file in self.unfinished]
        return "\n".join([*lines, self.problem] if self.problem else lines)


@dataclass(frozen=True)
class _Found:
    """A readable picture file: the columns of its row, and its description."""

    file: str
    owner: str
    columns: dict[str, Any]
    description: Description


class Rebuilding:
    """One pass over the folder of images."""

    def __init__(self, database: Database, folder: Path, thumbnails: Thumbnails) -> None:
        self.database = database
        self.folder = folder
        self.thumbnails = thumbnails
        self.report = RebuildReport()
        self.has_files = False
        self._unread = ""
        self._is_marked = (folder / ANCHOR).is_file()

    def recover(self) -> RebuildReport:
        """Give rows to the files that have none, and forget what was being deleted when the studio stopped."""
        files = set(self._files())
        self.has_files = bool(files)
        with self.database.reading() as session:
            rows = session.execute(select(ImageRow.file, ImageRow.binned_at)).all()
        self.report.kept = len(rows)
        try:
            self._index(sorted(files - {file for file, _ in rows}))
            if files and not self._unread:
                self._forget([file for file, binned_at in rows if binned_at is not None and file not in files])
        except StorageError as error:
            # A full disk must not keep the studio from starting: room can be made from the page.
            self.report.problem = str(error)
        self.report.problem = self.report.problem or self._unread
        if self.report != RebuildReport(kept=len(rows)):
            log.warning("The gallery was brought up to date. %s", self.report)
        return self.report

    def rebuild(self) -> RebuildReport:
        """Read every file again, and make the rows say what the files say."""
        files = sorted(self._files())
        with self.database.reading() as session:
            known = set(session.scalars(select(ImageRow.file)))
        if known and not files:
            raise StorageError(
                f"There is not one picture in {self.folder}, but {len(known)} in the gallery. Is a drive missing? "
                "Nothing was changed."
            )
        if self._unread:
            raise StorageError(f"{self._unread} Nothing was changed.")
        self._index(files)
        with self.database.reading() as session:
            known = set(session.scalars(select(ImageRow.file)))
        self._forget(sorted(known - set(files)))
        with self.database.session() as session:
            if self.database.dialect == "sqlite":
                session.execute(text("INSERT INTO image_search(image_search) VALUES ('rebuild')"))
        return self.report

    def _files(self) -> Iterator[str]:
        """Every picture in the folder, relative with forward slashes; half-written files of the dead are removed."""

        def refused(error: OSError) -> None:
            place = Path(os.fsdecode(error.filename))
            if place != self.folder or not isinstance(error, FileNotFoundError):  # one that was never made is empty
                self._unread = f"The folder {place} cannot be read: {error.strerror or error}."

        for folder, folders, names in os.walk(self.folder, onerror=refused):
            folders[:] = [name for name in folders if not name.startswith(".") and name not in OF_THE_DISK]
            for name in names:
                path = Path(folder, name)
                if is_part(name):
                    self._remove_abandoned(path)
                elif originals.is_picture_name(name) and not path.is_symlink():
                    yield path.relative_to(self.folder).as_posix()

    def _remove_abandoned(self, part: Path) -> None:
        try:
            if is_abandoned(part):
                part.unlink(missing_ok=True)
                self.report.unfinished.append(part.relative_to(self.folder).as_posix())
        except OSError as error:
            log.warning("The half-written file %s cannot be removed: %s", part, error)

    def _index(self, files: list[str]) -> None:
        readable = (found for file in files if (found := self._read(file)) is not None)
        while some := list(islice(readable, FILES_AT_ONCE)):
            with self.database.session() as session:
                for found in some:
                    self._enter_or_name(session, found)

    def _enter_or_name(self, session: Session, found: _Found) -> None:
        """Make or mend a row; one that contradicts the others is named and costs no other its place."""
        try:
            with session.begin_nested():
                self._enter(session, found)
        except IntegrityError as error:
            self.report.damaged.append((found.file, f"cannot be listed ({error.orig})"))

    def _read(self, file: str) -> _Found | None:
        path = self.folder / file
        try:
            file.encode("utf-8")
            content = originals.read(path)
            changed_at = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
        except UnicodeEncodeError:
            self.report.damaged.append((ascii(file), "has a name that is no text; rename it"))
            return None
        except png.DamagedPng as error:
            self.report.damaged.append((file, str(error)))
            return None
        except (StorageError, OSError) as error:
            self.report.damaged.append((file, f"cannot be read ({error})"))
            return None
        identity, importer = Identity.from_png_text(content.text), owner_of(file)
        description = Description.from_png_text(content.text)
        columns = {
            # a picture from elsewhere is named by its content, so the same file is the same picture in every rebuild
            "id": identity.id if identity else _named_by_content(importer, content.sha256),
            "job_id": identity.job_id if identity and not importer else None,
            "idx": identity.index if identity and not importer else None,
            "created_at": identity.created_at if identity else changed_at,
            "sha256": content.sha256,
            "width_px": content.width_px,
            "height_px": content.height_px,
            **description.columns(),
        }
        return _Found(file, importer or (identity.owner if identity else LOCAL_OWNER), columns, description)

    def _enter(self, session: Session, found: _Found) -> None:
        """Make or mend the row of one file, unless it was deleted since it was read: no deletion goes on meanwhile."""
        if not (self.folder / found.file).is_file():
            return
        row = session.scalar(select(ImageRow).where(ImageRow.file == found.file))
        if row is not None:
            self._mend(row, found)
            self.report.kept += 1
            return
        row = session.scalar(select(ImageRow).where(ImageRow.id == found.columns["id"]))
        if row is not None and row.owner_id != found.owner and owner_of(found.file):
            # what somebody brought may be another's picture here: each has their own
            found.columns["id"] = content_id(found.owner, found.columns["sha256"])
            row = session.scalar(select(ImageRow).where(ImageRow.id == found.columns["id"]))
        if row is not None:
            if (self.folder / row.file).is_file():
                self.report.copies.append(found.file)
            else:
                row.file = found.file
                self._mend(row, found)
                self.report.moved += 1
            return
        if self._is_double(session, found):
            self.report.copies.append(found.file)
            return
        if session.get(OwnerRow, found.owner) is None:
            session.add(OwnerRow(id=found.owner, name=found.owner, created_at=datetime.now(timezone.utc)))
            session.flush()  # the session orders by relationships only, and would insert the image first
        session.add(ImageRow(owner_id=found.owner, file=found.file, favourite=False, **found.columns))
        session.flush()
        self.report.added += 1

    def _mend(self, row: ImageRow, found: _Found) -> None:
        """The file decides what the picture is; the row, who it is and how it is marked."""
        kept = ("id", "job_id", "idx", "created_at")
        for name, value in found.columns.items():
            if name not in kept:
                setattr(row, name, value)

    def _is_double(self, session: Session, found: _Found) -> bool:
        """Whether the same picture of the same job has a row. Another picture in its place only loses its job."""
        job_id, index = found.columns["job_id"], found.columns["idx"]
        if job_id is None:
            return False
        holder = session.scalar(select(ImageRow).where(ImageRow.job_id == job_id, ImageRow.idx == index))
        if holder is None:
            return False
        if found.description.is_same_picture(holder.recipe):
            return True
        found.columns["job_id"] = found.columns["idx"] = None
        return False

    def _forget(self, files: list[str]) -> None:
        """Delete the rows of files that are no more."""
        with self.database.session() as session:
            for file in files:
                if (self.folder / file).is_file():
                    continue
                row = session.scalar(select(ImageRow).where(ImageRow.file == file))
                if row is not None:
                    session.delete(row)
                    self.thumbnails.remove(row.id)
                    self.report.gone.append(file)
            if self._is_marked and not (self.folder / ANCHOR).is_file():  # a drive that went took them with it
                self.report.gone.clear()
                raise StorageMissing(f"The folder {self.folder} is gone. Is a drive missing? No row was deleted.")


def _named_by_content(importer: str | None, sha256: str) -> str:
    return content_id(importer, sha256) if importer else sha256[:32]
