"""Folders of other programs' pictures: which may be looked into, what lies in them, and how large it is.

Nothing in them is ever changed. Hidden folders, folders of thumbnails and links to other places are passed over.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from studio.errors import InvalidField, StorageError
from studio.gallery.originals import SUFFIXES, is_picture_name

MOST_FOLDERS = 50
MOST_FILES = 1_000_000
KEPT_FREE_BYTES = 500_000_000
"""An import leaves this much, so that pictures can still be made when it is through."""

_PASSED_OVER = frozenset({"thumbnails", "thumbnail", "__pycache__", "node_modules"})
"""InvokeAI keeps a small copy of each picture in ``thumbnails``."""

_OF_THE_SYSTEM = ("/proc", "/sys", "/dev", "/run")


@dataclass(frozen=True)
class Found:
    """A file that looks like a picture; ``path`` is relative to the folder asked for, with forward slashes."""

    path: str
    size_bytes: int


@dataclass
class Survey:
    """What an import would bring: how many files of which kinds, how large, and how much room there is."""

    count: int = 0
    size_bytes: int = 0
    free_bytes: int = 0
    kinds: dict[str, int] = field(default_factory=dict)

    @property
    def fits(self) -> bool:
        return self.size_bytes + KEPT_FREE_BYTES <= self.free_bytes

    def as_dict(self) -> dict[str, Any]:
        """As the REST routes answer it."""
        return {**asdict(self), "fits": self.fits}

    def __str__(self) -> str:
        kinds = ", ".join(f"{count:,} {kind.upper()}" for kind, count in sorted(self.kinds.items()))
        room = "they fit" if self.fits else "that is too little room"
        sizes = f"{in_words(self.size_bytes)}; {in_words(self.free_bytes)} are free: {room}"
        return f"{'1 picture' if self.count == 1 else f'{self.count:,} pictures'} ({kinds or 'none'}), {sizes}."


def checked(folders: Sequence[str], home: Path) -> list[Path]:
    """The folders, whole and without doubles, if they may all be imported.

    Raises:
        InvalidField: one that is not there, no folder, named in part, a whole disk, or the studio's own.
    """
    if not 1 <= len(folders) <= MOST_FOLDERS:
        raise InvalidField("folders", f"{len(folders)} folders cannot be imported at once", f"1 to {MOST_FOLDERS}")
    found: list[Path] = []
    for name in folders:
        folder = _checked(name, home)
        if folder not in found:
            found.append(folder)
    return found


def _checked(name: str, home: Path) -> Path:
    if "\0" in name or not name.strip():
        raise InvalidField("folders", "an empty name is no folder", "the whole path of a folder")
    given = Path(name.strip()).expanduser()
    if not given.is_absolute():
        raise InvalidField("folders", f"{name[:200]!r} is not a whole path", "a path from the root on")
    try:
        folder = given.resolve()
        if not folder.exists():
            raise InvalidField(
                "folders", f"there is no folder {name[:200]!r} on the studio's machine", "one that is there"
            )
        if not folder.is_dir():
            raise InvalidField("folders", f"{name[:200]!r} is a file", "the folder it lies in")
        with os.scandir(folder) as entries:
            next(entries, None)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidField(
            "folders", f"{name[:200]!r} cannot be looked into: {reason}", "a folder it may read"
        ) from error
    if folder == Path(folder.anchor) or folder.as_posix().startswith(_OF_THE_SYSTEM):
        raise InvalidField("folders", f"{name[:200]!r} is no place of pictures", "the folder of a program's pictures")
    if folder == home or home in folder.parents:
        raise InvalidField("folders", f"{name[:200]!r} belongs to this studio already", "another program's folder")
    return folder


def pictures_in(folder: Path, home: Path) -> Iterator[Found]:
    """The picture files in ``folder`` and the folders in it, in an order that is the same every time.

    Folders that may not be read, and the studio's own home, are passed over. Raises `StorageError` when ``folder``, or
    one in it, is gone.
    """

    def refused(error: OSError) -> None:
        if not isinstance(error, PermissionError):
            raise gone(folder) from error

    if not folder.is_dir():
        raise gone(folder)
    for place, folders, names in os.walk(folder, onerror=refused):
        here = Path(place)
        folders[:] = sorted(name for name in folders if _is_entered(here / name, home))
        for name in sorted(filter(is_picture_name, names)):
            try:
                name.encode("utf-8")
                size_bytes = (here / name).stat().st_size
            except (OSError, UnicodeEncodeError):
                size_bytes = 0  # named when it is its turn
            yield Found((here / name).relative_to(folder).as_posix(), size_bytes)


def gone(folder: Path) -> StorageError:
    """What to say when a folder can no longer be read."""
    return StorageError(f"The folder {folder} is gone. Is a drive missing? Connect it, then go on.")


def _is_entered(folder: Path, home: Path) -> bool:
    return not folder.name.startswith(".") and folder.name.lower() not in _PASSED_OVER and folder != home


def survey(folders: Sequence[Path], home: Path) -> Survey:
    """What an import of the folders would bring. Raises `InvalidField` for more files than anybody has."""
    found = Survey(free_bytes=shutil.disk_usage(existing(home)).free)
    for folder in folders:
        for file in pictures_in(folder, home):
            found.count += 1
            found.size_bytes += file.size_bytes
            kind = SUFFIXES[PurePosixPath(file.path).suffix.lower()]
            found.kinds[kind] = found.kinds.get(kind, 0) + 1
            if found.count > MOST_FILES:
                raise InvalidField("folders", "they hold too many files", f"up to {MOST_FILES:,} pictures at once")
    return found


def existing(folder: Path) -> Path:
    """The folder, or the nearest one over it that is there."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def in_words(size_bytes: int) -> str:
    """A size as people say it."""
    if size_bytes >= 1_000_000_000:
        return f"{size_bytes / 1e9:.1f} GB"
    if size_bytes >= 1_000_000:
        return f"{size_bytes / 1e6:.0f} MB" if size_bytes >= 10_000_000 else f"{size_bytes / 1e6:.1f} MB"
    return f"{-(-size_bytes // 1000)} kB"
