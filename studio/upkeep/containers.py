"""The two forms of a backup, a folder and a ZIP file: how files get in, and out again."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import zipfile
from pathlib import Path
from typing import IO, Any

from studio.errors import StorageError
from studio.store.files import in_words
from studio.upkeep.manifest import MANIFEST, Kept, Manifest

BLOCK_BYTES = 1 << 20
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
"""A backup holds what signs sessions, and everybody's pictures."""


class Folder:
    """A backup being written: a folder of plain files, linked to those of ``former`` that are the same."""

    def __init__(self, folder: Path, former: Path | None) -> None:
        self.folder = folder
        self._former = former
        self._known = Manifest.from_json((former / MANIFEST).read_bytes(), former).files if former else {}
        self.linked_files, self.linked_bytes = 0, 0
        folder.mkdir(PRIVATE_FOLDER)

    def add(self, name: str, original: Path) -> Kept:
        """Keep a file. One of the same size and time of change as in the backup before is taken from there."""
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        status, known = original.stat(), self._known.get(name)
        if known and self._former and (known.size, known.changed_ns) == (status.st_size, status.st_mtime_ns):
            try:
                os.link(self._former / name, target)
                self.linked_files, self.linked_bytes = self.linked_files + 1, self.linked_bytes + known.size
                return known
            except OSError:
                target.unlink(missing_ok=True)  # no links there, or the file is gone: it is copied
        with original.open("rb") as reading, target.open("xb") as writing:
            target.chmod(PRIVATE_FILE)
            return _kept(reading, writing, status.st_mtime_ns)

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest last: a folder without one is no backup."""
        (self.folder / MANIFEST).write_bytes(manifest.to_json())
        if hasattr(os, "sync"):
            os.sync()

    def discard(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class Zip:
    """A backup being written: one file, not compressed: pictures would not get smaller."""

    linked_files, linked_bytes = 0, 0

    def __init__(self, file: Path) -> None:
        self.file = file
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), PRIVATE_FILE)
        self._stream = os.fdopen(handle, "wb")
        self._zip = zipfile.ZipFile(self._stream, "w", zipfile.ZIP_STORED)

    def add(self, name: str, original: Path) -> Kept:
        changed_ns = original.stat().st_mtime_ns
        entry = zipfile.ZipInfo.from_file(original, name, strict_timestamps=False)
        with original.open("rb") as reading, self._zip.open(entry, "w", force_zip64=True) as writing:
            return _kept(reading, writing, changed_ns)

    def finish(self, manifest: Manifest) -> None:
        self._zip.writestr(MANIFEST, manifest.to_json())
        self._zip.close()
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()

    def discard(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # both write what they still hold, on a disk that may be full
            self._zip.close()
        with contextlib.suppress(OSError):
            self._stream.close()
        self.file.unlink(missing_ok=True)


class Opened:
    """A backup to restore from, of either form. Raises `StorageError` for what is none."""

    def __init__(self, place: Path) -> None:
        self.place = place
        try:
            self._zip = zipfile.ZipFile(place) if place.is_file() else None
            content = self._zip.read(MANIFEST) if self._zip else (place / MANIFEST).read_bytes()
        except (zipfile.BadZipFile, KeyError) as error:
            raise StorageError(f"{place} is no backup of a studio, or it is damaged: {error}.") from error
        except OSError as error:
            raise in_words(error, place / MANIFEST) from error
        self.manifest = Manifest.from_json(content, place)

    def copy(self, name: str, target: Path) -> bool:
        """Copy a file out, whole and on the disk; ``False`` when the backup's own is damaged. Raises `OSError`."""
        wanted = self.manifest.files[name]
        try:
            with self._open(name) as reading, target.open("xb") as writing:
                found = _kept(reading, writing, 0)
                writing.flush()
                os.fsync(writing.fileno())
        except (FileNotFoundError, KeyError, zipfile.BadZipFile):
            return False
        return (found.sha256, found.size) == (wanted.sha256, wanted.size)

    def close(self) -> None:
        if self._zip is not None:
            self._zip.close()

    def _open(self, name: str) -> IO[bytes]:
        return self._zip.open(name) if self._zip else (self.place / name).open("rb")


def sha256_of(file: Path) -> str:
    """The hash of a file. Raises `OSError`."""
    with file.open("rb") as reading:
        return _kept(reading, None, 0).sha256


def _kept(reading: IO[bytes], writing: IO[bytes] | Any, changed_ns: int) -> Kept:
    digest, size = hashlib.sha256(), 0
    while block := reading.read(BLOCK_BYTES):
        digest.update(block)
        size += len(block)
        if writing is not None:
            writing.write(block)
    return Kept(digest.hexdigest(), size, changed_ns)
