"""Imports of whole folders, in the background: one after the other, with progress, cancel, and going on.

What is settled stands in the database with the rows it made, a portion at a time, so an import that was cut off goes on
at its next file. Going on never doubles a picture, and nothing in the folders is changed.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

from sqlalchemy import select

from studio.errors import Conflict, InvalidField, NotFound, StorageError, StorageFull
from studio.gallery import folders as places
from studio.gallery import png
from studio.gallery.gallery import Gallery
from studio.gallery.incoming import LABEL_KINDS, Incoming, LabelKind, Prepared, modified_at
from studio.store.tables import ImportRow

log = logging.getLogger(__name__)

FILES_AT_ONCE = 25
SECONDS_AT_ONCE = 0.5
"""A portion ends after so many files, or so long: other writers never wait longer for their turn."""

CLOSING_S = 8.0
"""A drive that does not answer must not keep the studio from ending."""

PAUSE_S = 5.0
"""Between two looks for work, also when the database could not be read or written."""

MOST_PROBLEMS = 500
"""Files that are named; what is beyond is counted."""

SHOWN = 20
GOING = ("waiting", "running")


@dataclass(frozen=True)
class ImportView:
    """An import as it stands. ``state`` is ``waiting``, ``running``, ``done``, ``cancelled`` or ``failed``; ``total``
    counts the files there are, ``doubles`` those whose content was here; ``problems`` name skipped files with why.
    """

    id: str
    folders: tuple[str, ...]
    labels: str
    state: str
    total: int
    size_bytes: int
    imported: int
    doubles: int
    skipped: int
    problems: tuple[tuple[str, str], ...]
    error: str
    created_at: datetime
    finished_at: datetime | None

    @property
    def is_going(self) -> bool:
        return self.state in GOING

    @property
    def settled(self) -> int:
        return self.imported + self.doubles + self.skipped

    def as_dict(self) -> dict[str, Any]:
        """As the REST routes answer it."""
        return {
            "id": self.id,
            "folders": list(self.folders),
            "labels": self.labels,
            "state": self.state,
            "total": self.total,
            "size_bytes": self.size_bytes,
            "imported": self.imported,
            "doubles": self.doubles,
            "skipped": self.skipped,
            "problems": [{"file": file, "reason": reason} for file, reason in self.problems],
            "error": self.error,
            "created_at": self.created_at.isoformat(),
            "finished_at": self.finished_at.isoformat() if self.finished_at else None,
        }


@dataclass
class _Portion:
    """Files that are settled together, up to ``at``."""

    folder: int
    at: str = ""
    count: int = 0
    prepared: list[Prepared] = field(default_factory=list)
    problems: list[list[str]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def is_full(self) -> bool:
        return self.count >= FILES_AT_ONCE or time.monotonic() - self.began >= SECONDS_AT_ONCE


class Imports:
    """The imports into ``gallery``. Safe to share between threads; ``start`` lets them be worked on."""

    def __init__(self, gallery: Gallery, home: Path) -> None:
        self.incoming = Incoming(gallery)
        self._database = gallery.database
        self._home = home
        self._awake = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    # --- ordering ---

    def survey(self, folders: Sequence[str]) -> places.Survey:
        """What an import would bring. Raises `InvalidField`, `StorageError`."""
        return places.survey(places.checked(folders, self._home), self._home)

    def order(self, owner: str, folders: Sequence[str], labels: str = "none") -> ImportView:
        """Import folders for somebody; it begins when those before it have ended.

        Raises:
            InvalidField: a folder that may not be imported, or an unknown way to label.
            StorageFull: there is too little room for all of it.
        """
        if labels not in LABEL_KINDS:
            raise InvalidField("labels", f"{labels[:40]!r} is no way to label", ", ".join(LABEL_KINDS))
        found = places.checked(folders, self._home)
        survey = places.survey(found, self._home)
        if not survey.fits:
            raise StorageFull(f"There is too little room for these pictures: {survey} Make room, or import a part.")
        row = ImportRow(
            id=secrets.token_hex(8),
            owner_id=owner,
            folders=[str(folder) for folder in found],
            labels=labels,
            state="waiting",
            total=survey.count,
            size_bytes=survey.size_bytes,
            problems=[],
            created_at=datetime.now(timezone.utc),
        )
        with self._database.session() as session:
            session.add(row)
            session.flush()
            view = _view(row)
        self._wake()
        return view

    def list(self, owner: str) -> Sequence[ImportView]:
        """Somebody's latest imports, newest first."""
        own = select(ImportRow).where(ImportRow.owner_id == owner)
        with self._database.reading() as session:
            return [_view(row) for row in session.scalars(own.order_by(ImportRow.created_at.desc()).limit(SHOWN))]

    def get(self, owner: str, import_id: str) -> ImportView:
        """One import. Raises `NotFound`."""
        with self._database.reading() as session:
            return _view(_own(session.get(ImportRow, import_id), owner, import_id))

    def cancel(self, owner: str, import_id: str) -> ImportView:
        """Stop an import after the file at hand; what came in stays. Harmless when it has ended. Raises `NotFound`."""
        with self._database.session() as session:
            row = _own(session.get(ImportRow, import_id), owner, import_id)
            if row.state in GOING:
                row.state, row.finished_at = "cancelled", datetime.now(timezone.utc)
            return _view(row)

    def resume(self, owner: str, import_id: str) -> ImportView:
        """Go on with an import that was cancelled or failed, where it stopped. Raises `NotFound`, `Conflict`."""
        with self._database.session() as session:
            row = _own(session.get(ImportRow, import_id), owner, import_id)
            if row.state == "done":
                raise Conflict("This import is through. Import the folder again to look for new pictures.")
            row.state, row.error, row.finished_at = "waiting", "", None
            view = _view(row)
        self._wake()
        return view

    # --- working ---

    def start(self) -> None:
        """Work on what waits, also on what an earlier studio left. Harmless when repeated."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="imports", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop after the file at hand; the next start goes on there. Harmless when repeated."""
        self._stopping = True
        self._wake()
        if self._thread is not None:
            self._thread.join(CLOSING_S)

    def run(self, import_id: str) -> Iterator[ImportView]:
        """Work on one import here and now; tells how it stands after each portion."""
        with self._database.reading() as session:
            owner = session.get_one(ImportRow, import_id).owner_id
        yield from self._run(import_id, owner)
        yield self.get(owner, import_id)

    def _wake(self) -> None:
        with self._awake:
            self._awake.notify_all()

    def _work(self) -> None:
        while not self._stopping:
            try:
                found = self._next()
                if found is not None:
                    self._work_on(*found)
                    continue
            except StorageError as error:
                log.error("Imports wait: %s", error)
            with self._awake:
                if not self._stopping:
                    self._awake.wait(PAUSE_S)

    def _work_on(self, import_id: str, owner: str) -> None:
        """Work on one to its end. Raises `StorageError` when not even its end can be written down."""
        try:
            for _ in self._run(import_id, owner):
                pass
        except StorageError:
            raise
        except Exception:  # the worker's loop: the next import must not wait for ever
            log.exception("The import %s failed", import_id)
            self._end(import_id, "failed", "Something went wrong inside the studio. The log has the details.")

    def _next(self) -> tuple[str, str] | None:
        going = select(ImportRow.id, ImportRow.owner_id).where(ImportRow.state.in_(GOING))
        with self._database.reading() as session:
            row = session.execute(going.order_by(ImportRow.created_at).limit(1)).first()
        return (row[0], row[1]) if row else None

    def _run(self, import_id: str, owner: str) -> Iterator[ImportView]:
        """One import to its end; a failure of the disk or the database stops it with the reason, to go on later."""
        try:
            if (yield from self._portions(import_id, owner)):
                self._end(import_id, "done")
        except StorageError as error:
            log.warning("The import %s stopped: %s", import_id, error)
            self._end(import_id, "failed", str(error))

    def _portions(self, import_id: str, owner: str) -> Generator[ImportView, None, bool]:
        """Answers whether it is through, and not stopped before that."""
        with self._database.session() as session:
            row = session.get_one(ImportRow, import_id)
            if row.state not in GOING:  # it was cancelled before it began
                return False
            row.state = "running"
            folders, labels, first, at = list(row.folders), cast(LabelKind, row.labels), row.folder, row.at
        for number in range(first, len(folders)):
            folder = Path(folders[number])
            portion = _Portion(number)
            for found in places.pictures_in(folder, self._home):
                if number == first and not _comes_after(found.path, at):
                    continue
                if self._is_over(import_id):
                    yield self._settle(import_id, owner, portion, labels)
                    return False
                try:
                    self._take(portion, folder, found, owner)
                except StorageError:
                    self._settle(import_id, owner, portion, labels)
                    raise
                portion.at, portion.count = found.path, portion.count + 1
                if portion.is_full:
                    yield self._settle(import_id, owner, portion, labels)
                    portion = _Portion(number)
            yield self._settle(import_id, owner, portion, labels)
        return True

    def _take(self, portion: _Portion, folder: Path, found: places.Found, owner: str) -> None:
        """Prepare one file, or name why it is skipped."""
        path = folder / found.path
        try:
            found.path.encode("utf-8")
            data, modified = _read(path), modified_at(path)
        except UnicodeEncodeError:
            portion.problems.append([ascii(found.path), "has a name that is no text; rename it"])
            return
        except png.DamagedPng as error:
            portion.problems.append([found.path, str(error)])
            return
        except OSError as error:
            if not path.parent.is_dir():
                raise places.gone(folder) from error
            portion.problems.append([found.path, f"cannot be read: {error.strerror or error}"])
            return
        if shutil.disk_usage(places.existing(self._home)).free < places.KEPT_FREE_BYTES + len(data):
            raise StorageFull(f"The disk with {self._home} is nearly full. Make room there, then go on.")
        name = found.path if "/" in found.path else f"{folder.name}/{found.path}"

        def again() -> Prepared:
            try:
                return self.incoming.prepare(_read(path), owner, name, modified)
            except (OSError, png.DamagedPng) as error:
                raise StorageError(f"{path} cannot be read any more: {error}.") from error

        try:
            portion.prepared.append(replace(self.incoming.prepare(data, owner, name, modified), again=again))
        except png.DamagedPng as error:
            portion.problems.append([found.path, str(error)])

    def _settle(self, import_id: str, owner: str, portion: _Portion, labels: LabelKind) -> ImportView:
        """Rows, labels and progress of a portion, in one transaction."""
        with self._database.session() as session:
            outcomes = self.incoming.enter(portion.prepared, owner, labels)
            row = session.get_one(ImportRow, import_id)
            row.imported += outcomes.count("imported")
            row.doubles += len(outcomes) - outcomes.count("imported")
            row.skipped += len(portion.problems)
            row.problems = [*row.problems, *portion.problems][:MOST_PROBLEMS]
            row.folder, row.at = portion.folder, portion.at or (row.at if row.folder == portion.folder else "")
            row.total = max(row.total, row.imported + row.doubles + row.skipped)
            return _view(row)

    def _is_over(self, import_id: str) -> bool:
        """Whether to stop where it is; what the row says counts, whoever wrote it."""
        if self._stopping:
            return True
        with self._database.reading() as session:
            return session.scalar(select(ImportRow.state).where(ImportRow.id == import_id)) not in GOING

    def _end(self, import_id: str, state: str, error: str = "") -> None:
        with self._database.session() as session:
            row = session.get_one(ImportRow, import_id)
            if row.state in GOING:
                row.state, row.error, row.finished_at = state, error, datetime.now(timezone.utc)


def _comes_after(path: str, at: str) -> bool:
    """Whether a file is still to come, in the order in which folders are gone through: files before folders."""
    return not at or _order(path) > _order(at)


def _order(path: str) -> list[tuple[int, str]]:
    *folders, name = path.split("/")
    return [*((1, folder) for folder in folders), (0, name)]


def _read(path: Path) -> bytes:
    size = path.stat().st_size
    if size > png.MAX_FILE_BYTES:
        raise png.DamagedPng(f"is larger than {png.MAX_FILE_BYTES >> 20} MB")
    return path.read_bytes()


def _own(row: ImportRow | None, owner: str, import_id: str) -> ImportRow:
    if row is None or row.owner_id != owner:
        raise NotFound(f"There is no import {import_id[:40]!r} of yours.")
    return row


def _view(row: ImportRow) -> ImportView:
    return ImportView(
        id=row.id,
        folders=tuple(row.folders),
        labels=row.labels,
        state=row.state,
        total=row.total,
        size_bytes=row.size_bytes,
        imported=row.imported,
        doubles=row.doubles,
        skipped=row.skipped,
        problems=tuple((file, reason) for file, reason in row.problems),
        error=row.error,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
