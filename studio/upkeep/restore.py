"""Brings a home back from a backup. What is in the way is moved aside and never deleted.

Pictures that the home has and the backup has not stay, and get their rows at the next start.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from studio.errors import Conflict, StorageError
from studio.paths import Paths
from studio.store.files import PART_SUFFIX, in_words, make_folder
from studio.store.lock import HomeLock
from studio.upkeep.backup import backups_in
from studio.upkeep.containers import PRIVATE_FILE, Opened, sha256_of


@dataclass
class Restored:
    """What a restore did. ``damaged`` are files of the backup that are not as they were written; they were left out."""

    place: Path
    home: Path
    files: int = 0
    same: int = 0
    aside: Path | None = None
    damaged: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.files:,} files were restored from {self.place} to {self.home}; {self.same:,} were there."]
        if self.aside is not None:
            lines.append(f"What was in the way lies in {self.aside}.")
        lines += [f"Damaged in the backup, left out: {name}." for name in self.damaged]
        return "\n".join(lines)


def restore(backup: Path, paths: Paths, *, replace: bool = False) -> Restored:
    """Restore a backup, or the newest in a backup folder, into the home.

    ``replace`` allows it where there is a studio already: its files of the same names are moved aside.

    Raises:
        StorageError: no backup, or a home that cannot be written.
        SetupError: a studio works on the home.
        Conflict: the home is in use and ``replace`` was not given, or the backup's database is damaged.
    """
    backup = backup.expanduser().resolve()
    opened = Opened(next(reversed(backups_in(backup)), backup) if backup.is_dir() else backup)
    lock = HomeLock.acquire(paths.home)
    try:
        if paths.database.exists() and not replace:
            raise Conflict(f"There is a studio in {paths.home} already. Give another --home, or --replace as well.")
        return _restore(opened, paths, Restored(opened.place, paths.home))
    except OSError as error:
        raise in_words(error, paths.home) from error
    finally:
        lock.release()
        opened.close()


def _restore(opened: Opened, paths: Paths, done: Restored) -> Restored:
    aside = paths.home / f"before-restore-{datetime.now():%Y%m%d-%H%M%S}"
    # the database comes last: until then the home is what it was, and restoring again goes on where it stopped
    for name in sorted(opened.manifest.files, key=lambda name: name == paths.database.name):
        target = paths.home / name
        if name != paths.database.name and _is_there(target, opened.manifest.files[name].sha256):
            done.same += 1
            continue
        make_folder(target.parent)
        part = target.with_name(f".{target.name}.{os.getpid()}{PART_SUFFIX}")
        try:
            if not opened.copy(name, part):
                if name == paths.database.name:
                    raise StorageError(f"The database in {opened.place} is damaged. Restore an earlier backup.")
                done.damaged.append(name)
                continue
            _move_aside(paths.home, name, aside, done)
            part.chmod(PRIVATE_FILE)
            part.replace(target)
            done.files += 1
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
    return done


def _is_there(target: Path, sha256: str) -> bool:
    return target.is_file() and sha256_of(target) == sha256


def _move_aside(home: Path, name: str, aside: Path, done: Restored) -> None:
    """What is in the way, with what SQLite keeps beside a database."""
    for one in (name, f"{name}-wal", f"{name}-shm") if name == "studio.db" else (name,):
        if (home / one).exists():
            make_folder((aside / one).parent)
            (home / one).rename(aside / one)
            done.aside = aside
