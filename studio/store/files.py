"""Files that are whole or not there: written beside their place, synchronised, then renamed into it.

It refuses to leave half a file under its final name, and says full disks and missing rights in words.
"""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

import psutil

from studio.errors import StorageError, StorageFull

PART_SUFFIX = ".part"
OF_THE_DISK = frozenset({"lost+found", "System Volume Information", "$RECYCLE.BIN"})
"""Folders that a disk has for itself, and that nobody may read."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def write_atomic(path: Path, data: bytes, durable: bool = True, root: Path | None = None) -> None:
    """Put ``data`` into ``path``: a crash at any moment leaves the old file, or none, or the whole new one.

    ``durable`` also waits until file and name are on the disk; leave it off only for what can be made again. Folders
    are made as they are needed, but never ``root``, which may be on a drive that was taken out.

    Raises:
        StorageFull: the disk or the quota is full; the half-written file was removed.
        StorageError: the place cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{PART_SUFFIX}")
    try:
        make_folder(path.parent, durable, root)
        _write(part, data, durable)
        part.replace(path)
        if durable:
            _synchronise(path.parent)
    except OSError as error:
        _remove_quietly(part)
        raise in_words(error, path) from error


def make_folder(folder: Path, durable: bool = True, root: Path | None = None) -> None:
    """Make ``folder`` and its parents, but not ``root``; ``durable`` also puts their names on the disk.

    Raises `OSError`.
    """
    if folder.is_dir():
        return
    if folder == root:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
    make_folder(folder.parent, durable, root)
    folder.mkdir(exist_ok=True)
    if durable:
        _synchronise(folder.parent)


def in_words(error: OSError, path: Path) -> StorageError:
    """The system's error about ``path`` as a sentence for a person."""
    if error.errno in _FULL:
        return StorageFull(f"The disk with {path.parent} is full. Make room there, then try again; nothing was lost.")
    if error.errno in _FORBIDDEN:
        return StorageError(f"{path} cannot be written: {error.strerror}. Check who may write to {path.parent}.")
    return StorageError(f"{path} cannot be read or written: {error.strerror or error}.")


def is_part(name: str) -> bool:
    """Whether a file name is that of a file still being written."""
    return name.startswith(".") and name.endswith(PART_SUFFIX)


def is_abandoned(part: Path) -> bool:
    """Whether the process that was writing ``part`` is gone. Its number is in the name; numbers are used again, so a
    process that began after the file was last written is another one."""
    try:
        process_id = int(part.name.removesuffix(PART_SUFFIX).rsplit(".", 1)[-1].split("-")[0])
        return psutil.Process(process_id).create_time() > part.stat().st_mtime
    except (ValueError, psutil.NoSuchProcess):
        return True
    except (OSError, psutil.AccessDenied):
        return False


def _write(part: Path, data: bytes, durable: bool) -> None:
    with part.open("xb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())


def _synchronise(folder: Path) -> None:
    """Put the names in ``folder`` on the disk. Windows cannot, and needs not: its renames are journalled."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_quietly(part: Path) -> None:
    try:
        part.unlink(missing_ok=True)
    except OSError:
        return
