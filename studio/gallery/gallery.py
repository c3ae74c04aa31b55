"""The gallery: keeps each picture as a whole file first and a row after it, finds, bins and deletes.

A picture is never lost between the two: a file without a row gets one at the next start, and adding the same picture
of the same job again answers the one that is there. It refuses ids of other owners as if they did not exist.

It is longer than most: one class, because keeping, finding and marking share its transactions and its lock.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from studio.errors import InvalidField, NotFound, StorageError
from studio.gallery import png
from studio.gallery.anchor import Anchor
from studio.gallery.conditions import conditions
from studio.gallery.description import Description
from studio.gallery.identity import Identity
from studio.gallery.image import Image, Page, from_row
from studio.gallery.labels import Labels
from studio.gallery.lineage import Lineage, lineage_of
from studio.gallery.order import find_order
from studio.gallery.rebuild import Rebuilding, RebuildReport
from studio.gallery.search import matching
from studio.gallery.thumbnails import Thumbnails
from studio.paths import Paths
from studio.recipe import ResolvedRecipe
from studio.recipe.events import Pixels
from studio.recipe.metadata import to_png_text
from studio.store import Database, write_atomic
from studio.store.files import in_words
from studio.store.tables import ImageRow

log = logging.getLogger(__name__)

MAX_PAGE = 10_000
MAX_OFFSET = 10_000_000
MAX_IDS = 50_000
MOST_VALUES = 200
"""Of one field; more are not read through by anybody."""

IDS_AT_ONCE = 500
"""Ids in one statement: databases limit the variables of one."""

DELETED_AT_ONCE = 100
"""Files deleted before their rows go: what a crash can leave in the bin without a file."""


class Gallery:
    """The pictures of a home folder. Safe to share between threads."""

    def __init__(self, database: Database, paths: Paths) -> None:
        self.database = database
        self.folder = paths.images
        self.thumbnails = Thumbnails(paths.thumbnails)
        self.labels = Labels(database)
        self._anchor = Anchor(paths.images)
        # Files that are written but whose row failed (a full disk, say): adding again only needs the row.
        self._without_row: dict[tuple[str, int], ImageRow] = {}
        self._lock = threading.Lock()

    # --- keeping ---

    def add(
        self,
        pixels: Pixels,
        recipe: ResolvedRecipe,
        notes: Mapping[str, str],
        owner: str,
        job_id: str,
        index: int,
    ) -> Image:
        """Keep picture ``index`` of a job. When this returns, file and row are on the disk.

        Adding the same picture again, also after a crash in between, answers the image that is there.

        Raises:
            StorageFull, StorageMissing, StorageError: it could not be kept; adding it again is safe.
            NotFound: there is no such owner.
        """
        text = to_png_text(recipe, notes)
        description = Description.of(recipe, notes, text)
        existing = self._of_job(job_id, index)
        if existing is not None and description.is_same_picture(existing.recipe):
            return from_row(existing)
        row = self._unfinished(job_id, index, description)
        if row is None:
            row = self._write(pixels, Identity.new(owner, job_id, index), description, text)
        return self._record(row, description)

    def _write(self, pixels: Pixels, identity: Identity, description: Description, text: Mapping[str, str]) -> ImageRow:
        data = png.encode(pixels, {**text, **identity.to_png_text()})
        columns = description.columns()
        file = identity.file(columns["seed"] or 0)
        self._anchor.check()
        try:
            write_atomic(self.folder / file, data, root=self.folder.parent)
        except StorageError:
            self._anchor.check()  # a drive that went just now is waited for, as one that was gone before
            raise
        try:
            self.thumbnails.make(identity.id, pixels)
        except StorageError as error:
            log.warning("The thumbnail of %s will be made later: %s", identity.id, error)
        return ImageRow(
            id=identity.id,
            owner_id=identity.owner,
            job_id=identity.job_id,
            idx=identity.index,
            file=file,
            sha256=hashlib.sha256(data).hexdigest(),
            width_px=pixels.width_px,
            height_px=pixels.height_px,
            created_at=identity.created_at,
            favourite=False,
            **columns,
        )

    def _record(self, row: ImageRow, description: Description) -> Image:
        key = (str(row.job_id), int(row.idx or 0))
        try:
            with self.database.session() as session:
                _release(session, key, description)
                session.add(_copy(row))
        except IntegrityError as error:
            # Somebody was faster: another thread with the same picture, or a scan that found the file before its row.
            existing = self._of_job(*key)
            if existing is None or existing.file != row.file:
                self._delete_file(row.file, row.id)
            if existing is None:
                raise NotFound(f"There is nobody with the id {row.owner_id!r} to keep this picture for.") from error
            return from_row(existing)
        except StorageError:
            with self._lock:
                self._without_row[key] = row
            raise
        return from_row(row)

    def _unfinished(self, job_id: str, index: int, description: Description) -> ImageRow | None:
        with self._lock:
            row = self._without_row.pop((job_id, index), None)
        is_usable = row is not None and description.is_same_picture(row.recipe) and (self.folder / row.file).is_file()
        return row if is_usable else None

    def _of_job(self, job_id: str, index: int) -> ImageRow | None:
        with self.database.reading() as session:
            return session.scalar(select(ImageRow).where(ImageRow.job_id == job_id, ImageRow.idx == index))

    def check_folder(self) -> None:
        """Raises `StorageMissing` while the folder of images is not the one it was."""
        self._anchor.check()

    # --- finding ---

    def list(
        self,
        owner: str,
        query: str = "",
        before: str | None = None,
        limit: int = 50,
        binned: bool = False,
        favourites: bool = False,
        search: str = "",
        sort: str = "newest",
        offset: int = 0,
    ) -> Page:
        """A page of somebody's images; ``before`` is the ``next`` of the page before.

        ``query`` is plain words, ``search`` the search language. Pages hang on the last image of the one before, so
        pictures that arrive or go meanwhile shift nothing; ``offset`` passes over so many, to look into the middle.

        Raises:
            SearchError: a search that cannot be understood.
            InvalidField: a query that is too long, a ``before`` that no page gave, an unknown sort, a limit out of
                range.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidField("limit", f"{limit} is out of range", f"1 to {MAX_PAGE}")
        if not 0 <= offset <= MAX_OFFSET:
            raise InvalidField("offset", f"{offset} is out of range", f"0 to {MAX_OFFSET}")
        order, wanted = find_order(sort), self._wanted(owner, query, search, binned, favourites)
        numbers = select(ImageRow.number).where(*wanted).order_by(*order.columns)
        if before is not None:
            numbers = numbers.where(order.after(before))
        with self.database.reading() as session:
            total = session.scalar(select(func.count()).select_from(ImageRow).where(*wanted)) or 0
            # numbers first: only the rows of this page are read whole, whatever was passed over and sorted
            some = session.scalars(numbers.offset(offset).limit(limit + 1)).all()
            rows = session.scalars(select(ImageRow).where(ImageRow.number.in_(some[:limit]))).all()
        by_number = {row.number: from_row(row) for row in rows}
        images = tuple(by_number[number] for number in some[:limit])
        return Page(images, total, order.place(images[-1]) if len(some) > limit else None)

    def ids(self, owner: str, search: str = "", binned: bool = False, favourites: bool = False) -> Sequence[str]:
        """The ids of all images that match, newest first; to mark everything found. Raises `SearchError`."""
        wanted = self._wanted(owner, "", search, binned, favourites)
        newest_first = select(ImageRow.id).where(*wanted).order_by(*find_order("newest").columns)
        with self.database.reading() as session:
            return session.scalars(newest_first.limit(MAX_IDS)).all()

    def values(self, owner: str) -> dict[str, dict[str, int]]:
        """What there is to search for: the samplers, models, tags and albums of somebody's images, each with how many
        it is of, the most used first.
        """
        columns = {"sampler": ImageRow.sampler, "model": ImageRow.checkpoint}
        own = (ImageRow.owner_id == owner, ImageRow.binned_at.is_(None))
        found: dict[str, dict[str, int]] = {}
        with self.database.reading() as session:
            for field, column in columns.items():
                counted = select(column, func.count()).where(*own, column != "").group_by(column)
                most_first = counted.order_by(func.count().desc(), column).limit(MOST_VALUES)
                found[field] = {row[0]: row[1] for row in session.execute(most_first)}
        tags, albums = self.labels.tags(owner), self.labels.albums(owner)
        found["tag"] = dict(sorted(tags.items(), key=lambda one: -one[1])[:MOST_VALUES])
        found["album"] = {album.name: album.count for album in albums[:MOST_VALUES]}
        return found

    def _wanted(
        self, owner: str, query: str, search: str, binned: bool, favourites: bool
    ) -> Sequence[ColumnElement[bool]]:
        wanted: list[ColumnElement[bool]] = [
            ImageRow.owner_id == owner,
            ImageRow.binned_at.is_not(None) if binned else ImageRow.binned_at.is_(None),
        ]
        if favourites:
            wanted.append(ImageRow.favourite.is_(True))
        found = matching(query, self.database.dialect)
        if found is not None:
            wanted.append(found)
        return [*wanted, *conditions(search, owner, self.database.dialect)]

    def get(self, owner: str, image_id: str) -> Image:
        """One image, in the bin or not. Raises `NotFound`, for somebody else's too."""
        with self.database.reading() as session:
            row = session.scalar(select(ImageRow).where(ImageRow.id == image_id, ImageRow.owner_id == owner))
        if row is None:
            raise NotFound(f"There is no picture {image_id[:40]!r} in your gallery.")
        return from_row(row)

    def lineage(self, owner: str, image_id: str) -> Lineage:
        """The pictures an image was made from, and those made from it. Raises `NotFound`."""
        image = self.get(owner, image_id)
        with self.database.reading() as session:
            return lineage_of(session, image)

    def file(self, owner: str, image_id: str) -> Path:
        """The original PNG. Raises `NotFound`, also when somebody moved the file away."""
        path = self.folder / self.get(owner, image_id).file
        if not path.is_file():
            raise NotFound(f"The file {path.name} of this picture is gone. If it was moved, put it back.")
        return path

    def thumbnail(self, owner: str, image_id: str) -> Path:
        """A WebP of at most 320 px; made again when it is missing.

        Raises:
            NotFound: no such image, or its file is gone.
            StorageError: the file is damaged, or the thumbnail cannot be written.
        """
        return self.thumbnails.ensure(image_id, self.file(owner, image_id))

    # --- marking ---

    def favourite(self, owner: str, image_id: str, favourite: bool) -> None:
        """Mark an image, or take the mark off. Raises `NotFound`."""
        self._change(owner, [image_id], favourite=favourite)

    def favourites(self, owner: str, image_ids: Sequence[str], favourite: bool) -> int:
        """Mark several, or take the marks off, all or none; answers how many there are. Raises `NotFound`."""
        return self._change(owner, image_ids, favourite=favourite)

    def bin(self, owner: str, image_ids: Sequence[str]) -> int:
        """Put images into the bin, all or none; answers how many moved. Raises `NotFound`."""
        return self._change(owner, image_ids, ImageRow.binned_at.is_(None), binned_at=datetime.now(timezone.utc))

    def restore(self, owner: str, image_ids: Sequence[str]) -> int:
        """Take images out of the bin, all or none; answers how many moved. Raises `NotFound`."""
        return self._change(owner, image_ids, ImageRow.binned_at.is_not(None), binned_at=None)

    def empty_bin(self, owner: str) -> int:
        """Delete what is in somebody's bin for good, files included; answers how many went.

        Files go before their rows: a crash leaves an entry in the bin, never a deleted picture that comes back.

        Raises:
            StorageMissing: the folder of images is not there just now.
            StorageError: a file that cannot be deleted; it stays in the bin, with what came after it.
        """
        return self._delete(ImageRow.owner_id == owner, ImageRow.binned_at.is_not(None))

    def discard(self, owner: str, image_ids: Sequence[str]) -> int:
        """Delete images for good, all or none, as if they had been in the bin alone. Raises as `bin` and `empty_bin`.

        For pictures that nobody asked to keep.
        """
        self.bin(owner, image_ids)
        ids = sorted(set(image_ids))
        parts = [ids[start : start + IDS_AT_ONCE] for start in range(0, len(ids), IDS_AT_ONCE)]
        return sum(self._delete(ImageRow.owner_id == owner, ImageRow.id.in_(part)) for part in parts)

    def _delete(self, *conditions: ColumnElement[bool]) -> int:
        """Delete what meets the conditions, some at a time, each time in one transaction that finds them anew.

        So a picture that is taken out of the bin meanwhile is kept, file and row, or was gone before.
        """
        count = 0
        found = select(ImageRow.id, ImageRow.file).where(*conditions).limit(DELETED_AT_ONCE).with_for_update()
        while True:
            with self.database.session() as session:
                files = {row.id: row.file for row in session.execute(found)}
                self._anchor.check()
                gone, problem = self._delete_files(files)
                self._anchor.check()  # on a drive that went meanwhile, files that were not there are there all the same
                session.execute(delete(ImageRow).where(ImageRow.id.in_(gone)))
            count += len(gone)
            if problem is not None:
                raise problem
            if not files:
                return count

    def _delete_files(self, files: Mapping[str, str]) -> tuple[Sequence[str], StorageError | None]:
        """The ids whose files are gone, up to the first that could not be deleted, and what was wrong with that one."""
        ids = tuple(files)
        for done, image_id in enumerate(ids):
            try:
                self._delete_file(files[image_id], image_id)
            except StorageError as problem:
                return ids[:done], problem
        return ids, None

    def delete_binned(self, image_ids: Sequence[str], before: datetime) -> int:
        """Delete for good which of these have lain in anybody's bin since ``before``; answers how many went.

        Raises as `empty_bin`.
        """
        return self._delete(ImageRow.id.in_(image_ids), ImageRow.binned_at.is_not(None), ImageRow.binned_at < before)

    def _change(self, owner: str, image_ids: Sequence[str], *conditions: ColumnElement[bool], **values: Any) -> int:
        """Set ``values`` on images that meet the conditions, in one transaction, if all the ids are the owner's."""
        ids = sorted(set(image_ids))
        count = 0
        with self.database.session() as session:
            for start in range(0, len(ids), IDS_AT_ONCE):
                some = ids[start : start + IDS_AT_ONCE]
                own = (ImageRow.owner_id == owner, ImageRow.id.in_(some))
                known = set(session.scalars(select(ImageRow.id).where(*own)))
                for image_id in some:
                    if image_id not in known:
                        raise NotFound(f"There is no picture {image_id[:40]!r} in your gallery. Nothing was changed.")
                changed = update(ImageRow).where(*own, *conditions).values(**values).returning(ImageRow.id)
                count += len(session.execute(changed).all())
        return count

    def _delete_file(self, file: str, image_id: str) -> None:
        path = self.folder / file
        try:
            path.unlink(missing_ok=True)
            self.thumbnails.remove(image_id)
        except OSError as error:
            raise in_words(error, path) from error

    # --- mending ---

    def recover(self) -> RebuildReport:
        """At start: give files without a row theirs, finish a bin that was being emptied, remove half-written files."""
        rebuilding = Rebuilding(self.database, self.folder, self.thumbnails)
        report = rebuilding.recover()
        self._anchor.settle(has_rows=report.kept > 0, has_files=rebuilding.has_files)
        return report

    def missing(self) -> str | None:
        """What to say to people while the folder of images is not there, as when a drive was taken out."""
        return self._anchor.trouble()

    def rebuild(self) -> RebuildReport:
        """Make all rows again from the files; favourites and the bin stay as the rows have them.

        Raises:
            StorageError: the folder of images is gone while there are rows; nothing was changed.
        """
        return Rebuilding(self.database, self.folder, self.thumbnails).rebuild()


def _release(session: Session, key: tuple[str, int], description: Description) -> None:
    """Take the job's place from an older picture of another recipe: its job is forgotten and its id used again."""
    holder = session.scalar(select(ImageRow).where(ImageRow.job_id == key[0], ImageRow.idx == key[1]))
    if holder is not None and not description.is_same_picture(holder.recipe):
        holder.job_id = holder.idx = None
        session.flush()


def _copy(row: ImageRow) -> ImageRow:
    """A fresh row of the same values: one that a failed transaction has seen cannot be added again."""
    return ImageRow(**{column.key: getattr(row, column.key) for column in ImageRow.__mapper__.column_attrs})
