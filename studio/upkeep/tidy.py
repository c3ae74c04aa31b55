"""Finds and takes away what nobody needs any more: what lay in the bin for long, uploads that nothing refers to,
thumbnails of pictures that are gone, half-written files of processes that are gone, downloads that nobody went on with.

It looks for a hash in every text of the database before it calls an upload unused, so that a job, a picture, a preset
or a form that names it keeps it; and an upload that anybody looked at lately is left alone in any case. It never
touches models, settings, files that were set aside, and pictures outside of the bin.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Literal

from sqlalchemy import Text, cast, delete, select
from sqlalchemy.sql.sqltypes import JSON, String

from studio.errors import StorageError
from studio.gallery import Gallery
from studio.paths import Paths
from studio.store.blobs import Blobs
from studio.store.files import in_words, is_abandoned, is_part
from studio.store.tables import Base, ImageRow, SourceOwnerRow

log = logging.getLogger(__name__)

DAY_S = 24 * 3600
MOST_NAMED = 20
_SHA256 = re.compile(r"[0-9a-f]{64}")

Kind = Literal["bin", "upload", "thumbnail", "unfinished", "download"]
TITLES: dict[Kind, str] = {
    "bin": "pictures that lay in the bin for long",
    "upload": "uploads that nothing refers to",
    "thumbnail": "thumbnails of pictures that are gone",
    "unfinished": "half-written files",
    "download": "downloads that nobody went on with",
}


@dataclass(frozen=True)
class Litter:
    """Something to take away. ``name`` is the id of an image of the bin, the hash of an upload, else the file's."""

    kind: Kind
    file: Path
    name: str
    bytes: int


@dataclass(frozen=True)
class Tidied:
    """What was, or would be, taken away; ``problems`` are sentences about what could not be."""

    litter: tuple[Litter, ...]
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = []
        for kind, title in TITLES.items():
            found = [one for one in self.litter if one.kind == kind]
            if found:
                lines.append(f"{len(found):,} {title}, {sum(one.bytes for one in found) / 1e6:,.1f} MB")
        return "\n".join([*lines, *self.problems]) or "There is nothing to tidy."


class Tidying:
    """The rules of a home. ``bin_days`` and ``unused_days`` of 0 mean never."""

    def __init__(self, gallery: Gallery, paths: Paths, bin_days: int, unused_days: int) -> None:
        self.gallery, self.paths = gallery, paths
        self.bin_days, self.unused_days = bin_days, unused_days

    def look(self) -> Tidied:
        """What would be taken away now. Raises `StorageError`."""
        try:
            return Tidied(
                (*self._bin(), *self._uploads(), *self._thumbnails(), *self._unfinished(), *self._downloads())
            )
        except OSError as error:
            raise in_words(error, self.paths.home) from error

    def clean(self) -> Tidied:
        """Take it away. What cannot be deleted is named and left. Raises `StorageError`."""
        done, problems = [], []
        for one in self.look().litter:
            try:
                if self._remove(one):
                    done.append(one)
            except (OSError, StorageError) as error:
                problems.append(f"{one.file} could not be deleted: {error}")
        tidied = Tidied(tuple(done), tuple(problems[:MOST_NAMED]))
        if done or problems:
            log.info("Tidied: %s", tidied)
        return tidied

    def _remove(self, one: Litter) -> bool:
        """Answers whether it went: somebody may have come back to it since it was found."""
        if one.kind == "bin":
            return self.gallery.delete_binned([one.name], self._long_ago(self.bin_days)) == 1
        if one.kind == "upload":
            return self._remove_upload(one)
        if one.kind == "download" and not _is_older(one.file, self.unused_days * DAY_S):
            return False
        one.file.unlink(missing_ok=True)
        return True

    def _remove_upload(self, one: Litter) -> bool:
        """The file goes before the rows that say whose it is; they stay when somebody has just brought it again."""
        seconds = self.unused_days * DAY_S
        if not _is_older(one.file, seconds) or one.name in self._named():
            return False
        blobs = Blobs(self.paths.blobs)
        is_gone = blobs.discard(one.name, lambda file: _is_older(file, seconds))
        with self.gallery.database.session() as session:
            if not blobs.has(one.name):
                session.execute(delete(SourceOwnerRow).where(SourceOwnerRow.sha256 == one.name))
        return is_gone

    def _bin(self) -> Iterator[Litter]:
        if not self.bin_days:
            return
        old = select(ImageRow.id, ImageRow.file).where(ImageRow.binned_at < self._long_ago(self.bin_days))
        with self.gallery.database.reading() as session:
            found = session.execute(old).all()
        for image_id, file in found:
            yield Litter("bin", self.paths.images / file, image_id, _size(self.paths.images / file))

    def _uploads(self) -> Iterator[Litter]:
        if not self.unused_days:
            return
        old = [file for file in _files(self.paths.blobs) if _SHA256.fullmatch(file.name)]
        old = [file for file in old if _is_older(file, self.unused_days * DAY_S)]
        named = self._named() if old else set()
        for file in old:
            if file.name not in named:
                yield Litter("upload", file, file.name, _size(file))

    def _named(self) -> set[str]:
        """Every hash that stands in any text of the database, but for those that say whose an upload is."""
        named: set[str] = set()
        with self.gallery.database.reading() as session:
            for table in Base.metadata.sorted_tables:
                if table.name == SourceOwnerRow.__tablename__:
                    continue
                texts = [column for column in table.columns if isinstance(column.type, JSON | String)]
                for column in texts:
                    for value in session.scalars(select(cast(column, Text)).where(column.is_not(None))):
                        named.update(_SHA256.findall(value))
        return named

    def _thumbnails(self) -> Iterator[Litter]:
        old = [file for file in _files(self.paths.thumbnails) if file.suffix == ".webp" and _is_older(file, DAY_S)]
        if not old:
            return
        with self.gallery.database.reading() as session:
            known = set(session.scalars(select(ImageRow.id)))
        for file in old:
            if file.stem not in known:
                yield Litter("thumbnail", file, file.stem, _size(file))

    def _unfinished(self) -> Iterator[Litter]:
        for folder in (self.paths.images, self.paths.blobs, self.paths.thumbnails, self.paths.cache):
            for file in _files(folder):
                if is_part(file.name) and _is_older(file, DAY_S) and is_abandoned(file):
                    yield Litter("unfinished", file, file.name, _size(file))

    def _downloads(self) -> Iterator[Litter]:
        if not self.unused_days:
            return
        for file in _files(self.paths.models):
            if is_part(file.name) and _is_older(file, self.unused_days * DAY_S):
                yield Litter("download", file, file.name, _size(file))

    def _long_ago(self, days: int) -> datetime:
        return datetime.now(timezone.utc) - timedelta(days=days)


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (file for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


def _is_older(file: Path, seconds: float) -> bool:
    try:
        return time.time() - file.stat().st_mtime > seconds
    except FileNotFoundError:
        return False


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
