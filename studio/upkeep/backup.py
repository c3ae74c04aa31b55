"""Backups of a home, while a studio works on it or not.

A backup folder gets one folder for each backup, named by its time. Each is whole by itself: it has everything that a
home has but models, caches, thumbnails and logs. What has not changed since the backup before is the same file on the
disk, where the disk can do that, so a daily backup costs what is new.

The database is copied first, by SQLite's own online backup, and files after it: so every row's file is in it. What was
deleted for good in between is taken out of the copy. A backup gets its name only when it is whole and on the disk.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from studio.errors import Cancelled, InvalidField, StorageError, StorageMissing
from studio.gallery.anchor import FILE as ANCHOR
from studio.paths import Paths
from studio.store.files import OF_THE_DISK, PART_SUFFIX, in_words, is_abandoned, is_part, make_folder
from studio.upkeep.containers import Folder, Zip
from studio.upkeep.manifest import MANIFEST, Kept, Manifest

LEFT_OUT = frozenset({"models", "cache", "thumbnails", "logs"})
"""Folders of a home that a backup does not hold: they can be made or fetched again."""

STAMP_CHARACTERS = len("2026-11-27_110000")
_NEVER = re.compile(r"studio\.(db(-wal|-shm)?|lock)|.*\.damaged-[\d-]+|before-restore-[\d-]+")
_NAME = re.compile(r"\d{4}-\d{2}-\d{2}_\d{6}(-\d+)?")
_PARTS = re.compile(r"\.\d{4}-\d{2}-\d{2}_\d{6}.*" + re.escape(PART_SUFFIX))


@dataclass(frozen=True)
class Report:
    """What a backup did. ``linked_files`` were unchanged since the one before, so they took no room."""

    place: Path
    files: int
    images: int
    linked_files: int
    written_bytes: int

    def __str__(self) -> str:
        return (
            f"{self.files:,} files, {self.images:,} of them pictures, are in {self.place}. {self.linked_files:,} were "
            f"unchanged since the backup before; {self.written_bytes / 1e6:,.1f} MB were written."
        )


def backups_in(folder: Path) -> list[Path]:
    """The whole backups in a backup folder, the oldest first."""
    try:
        found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name) and (path / MANIFEST).is_file()]
    except OSError:
        return []
    return sorted(found, key=_in_order)


def _in_order(backup: Path) -> tuple[str, int]:
    return backup.name[:STAMP_CHARACTERS], int(backup.name[STAMP_CHARACTERS + 1 :] or 1)


def back_up(paths: Paths, target: Path, keep: int = 0, stopped: Callable[[], bool] = lambda: False) -> Report:
    """Make a backup of the home: in the folder ``target``, or as the file ``target`` where that ends in ``.zip``.

    Afterwards only the newest ``keep`` are left in the folder; 0 leaves all. ``stopped`` is asked between files.

    Raises:
        InvalidField: the target lies in what is backed up.
        Cancelled: ``stopped`` said so; nothing is left behind.
        StorageMissing: the drive with the images is not there.
        StorageFull, StorageError: it could not be written, or the home could not be read.
    """
    target = target.expanduser().resolve()
    if paths.home in target.parents or paths.home == target:
        raise InvalidField("target", f"{target} lies inside the home folder", "a place elsewhere, best another drive")
    if not paths.database.exists():
        raise StorageError(f"There is nothing to back up in {paths.home}: it has no database.")
    try:
        return _to_file(paths, target, stopped) if target.suffix == ".zip" else _to_folder(paths, target, keep, stopped)
    except OSError as error:
        raise in_words(error, target) from error
    except sqlite3.Error as error:
        if "full" in str(error):
            raise in_words(OSError(errno.ENOSPC, str(error)), target) from error
        raise StorageError(f"The database {paths.database} could not be backed up: {error}.") from error


def _to_file(paths: Paths, file: Path, stopped: Callable[[], bool]) -> Report:
    make_folder(file.parent)
    part = file.with_name(f".{file.name}.{os.getpid()}{PART_SUFFIX}")
    container = Zip(part)
    try:
        report = _fill(paths, container, file, stopped)
        part.replace(file)
        return report
    except BaseException:
        container.discard()
        raise


def _to_folder(paths: Paths, folder: Path, keep: int, stopped: Callable[[], bool]) -> Report:
    make_folder(folder)
    for part in folder.iterdir():
        if _PARTS.fullmatch(part.name) and is_abandoned(part):
            shutil.rmtree(part, ignore_errors=True)
    stamp = f"{datetime.now():%Y-%m-%d_%H%M%S}"
    part = folder / f".{stamp}.{os.getpid()}{PART_SUFFIX}"
    container = _linking(part, backups_in(folder)[-1:])
    try:
        final = _free(folder, stamp)
        report = _fill(paths, container, final, stopped)
        part.rename(final)
    except BaseException:
        container.discard()
        raise
    for old in backups_in(folder)[:-keep] if keep else ():
        _remove(old)
    return report


def _linking(part: Path, former: list[Path]) -> Folder:
    with contextlib.suppress(StorageError):  # one whose manifest is damaged is nothing to link to
        return Folder(part, former[0] if former else None)
    return Folder(part, None)


def _free(folder: Path, stamp: str) -> Path:
    """A name that comes after all before it, also where a clock was set back: by their names the oldest go."""
    number = 1
    for last in backups_in(folder)[-1:]:
        stamp, number = max((stamp, number), (_in_order(last)[0], _in_order(last)[1] + 1))
    names = (stamp if number == 1 else f"{stamp}-{number}" for number in range(number, number + 1000))
    return next(folder / name for name in names if not (folder / name).exists())


def _remove(backup: Path) -> None:
    """Its manifest goes first, so that half of a backup is never taken for one."""
    (backup / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(backup, ignore_errors=True)


def _fill(paths: Paths, container: Folder | Zip, place: Path, stopped: Callable[[], bool]) -> Report:
    now, ending = f"{datetime.now():%Y-%m-%d_%H%M%S}", f"{os.getpid()}-database{PART_SUFFIX}"
    with tempfile.TemporaryDirectory(prefix=f".{now}-", suffix=f".{ending}", dir=place.parent) as scratch:
        copied = Path(scratch) / "studio.db"
        _copy_database(paths.database, copied)
        has_images = bool(_images_of(copied))
        _check_images(paths, has_images)
        files: dict[str, Kept] = {}
        for name, original in _files(paths.home):
            if stopped():
                raise Cancelled("The backup was stopped; those before it are as they were.")
            with contextlib.suppress(FileNotFoundError):  # deleted since it was listed
                files[name] = container.add(name, original)
        _check_images(paths, has_images)  # else what went with the drive would pass for deleted
        _forget_deleted(copied, paths.database, files)
        files["studio.db"] = container.add("studio.db", copied)
        images = len(_images_of(copied))
    container.finish(Manifest(datetime.now(timezone.utc).isoformat(), files))
    written_bytes = sum(kept.size for kept in files.values()) - container.linked_bytes
    return Report(place, len(files), images, container.linked_files, written_bytes)


def _check_images(paths: Paths, has_images: bool) -> None:
    if has_images and not (paths.images / ANCHOR).is_file():
        raise StorageMissing(f"The folder {paths.images} is not there. Is a drive missing? Nothing was backed up.")


def _copy_database(database: Path, target: Path) -> None:
    """A snapshot of the database in one plain file. Writers go on meanwhile. Raises `sqlite3.Error`."""
    original = sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, timeout=15)
    with contextlib.closing(original), contextlib.closing(sqlite3.connect(target)) as writing:
        original.backup(writing)
        writing.execute("PRAGMA journal_mode=DELETE")
        found = writing.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(str(found))


def _images_of(database: Path) -> dict[str, str]:
    """The file of each image that has a row, by its id."""
    with contextlib.closing(sqlite3.connect(database)) as reading:
        return dict(reading.execute("SELECT id, file FROM images").fetchall())


def _forget_deleted(copied: Path, database: Path, files: dict[str, Kept]) -> None:
    """Take out of the copy what was deleted for good after it was made, and what is being deleted just now.

    A deletion takes the file first and its row after it. An image whose file was lost otherwise keeps its row.
    """
    absent = [image_id for image_id, file in _images_of(copied).items() if f"images/{file}" not in files]
    if not absent:
        return
    with contextlib.closing(sqlite3.connect(database)) as reading:
        binned = dict(reading.execute("SELECT id, binned_at IS NOT NULL FROM images").fetchall())
    gone = [(image_id,) for image_id in absent if binned.get(image_id, True)]
    with contextlib.closing(sqlite3.connect(copied)) as writing, writing:
        writing.execute("PRAGMA foreign_keys=ON")
        writing.executemany("DELETE FROM images WHERE id = ?", gone)


def _files(home: Path) -> Iterator[tuple[str, Path]]:
    """Every file that belongs into a backup, by its name with forward slashes."""
    for entry in sorted(home.iterdir()):
        if entry.name in LEFT_OUT or _NEVER.fullmatch(entry.name) or is_part(entry.name):
            continue
        if entry.is_dir():  # also one on another drive, by a link
            yield from _inside(entry, entry.name)
        elif entry.is_file():
            yield entry.name, entry


def _inside(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    def refused(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):  # a backup without a folder that cannot be read is none
            raise error

    for parent, folders, names in os.walk(folder, onerror=refused):
        folders[:] = sorted(set(folders) - OF_THE_DISK)
        for file in sorted(names):
            path = Path(parent, file)
            if is_part(file) or path.is_symlink() or not path.is_file():
                continue
            yield f"{name}/{path.relative_to(folder).as_posix()}", path
