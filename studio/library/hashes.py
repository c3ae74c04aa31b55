"""SHA-256 of model files, computed once and remembered by path, size and time of change.

The memory is a JSON file that can be thrown away. It is written whole and renamed into place, so a reader never sees
half of it; two studios that write at once lose at most a hash, which is computed again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio.errors import Cancelled, DamagedModel

log = logging.getLogger(__name__)

MEMORY_FILE = "model-hashes.json"
_BLOCK_BYTES = 1 << 20


class Hashes:
    """The hashes of model files. Thread safe; one file is read at a time, because disks like that best."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / MEMORY_FILE
        self._known = _load(self._file)
        self._reading = threading.Lock()
        self._stopped = threading.Event()

    def known(self, path: Path, files: tuple[Path, ...]) -> str:
        """The hash of a model if every file's is remembered and unchanged, else an empty string."""
        digests = [self._remembered(file) for file in files]
        return _combined(path, files, digests) if digests and all(digests) else ""

    def compute(self, path: Path, files: tuple[Path, ...]) -> str:
        """The hash of a model, read from disk where it is not remembered.

        Raises:
            DamagedModel: a file is gone or cannot be read.
            Cancelled: `stop` was called meanwhile.
        """
        return _combined(path, files, [self._remembered(file) or self._read(file) for file in files])

    def stop(self) -> None:
        """Make a running `compute` end soon, in whatever thread."""
        self._stopped.set()

    def _remembered(self, file: Path) -> str:
        entry = self._known.get(str(file))
        return entry["sha256"] if entry is not None and entry["stamp"] == stamp_of(file) else ""

    def _read(self, file: Path) -> str:
        with self._reading:
            remembered = self._remembered(file)  # another thread may have read it while this one waited
            if remembered:
                return remembered
            before = stamp_of(file)
            digest = sha256_of(file, self._check_stopped)
            if before is not None and before == stamp_of(file):  # else it changed under our eyes
                self._known = {**self._known, str(file): {"stamp": before, "sha256": digest}}
                self._save()
            return digest

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise Cancelled("The studio is closing.")

    def _save(self) -> None:
        part = self._file.with_name(f".{self._file.name}.{os.getpid()}.part")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            merged = {**_load(self._file), **self._known}
            part.write_text(json.dumps(merged, indent=1), encoding="utf-8")
            part.replace(self._file)
        except OSError as error:
            log.warning("The hashes of models cannot be remembered in %s: %s", self._file, error)


def sha256_of(file: Path, between_blocks: Callable[[], None] = lambda: None) -> str:
    """The SHA-256 of a file in hexadecimal. Raises `DamagedModel` when it cannot be read."""
    digest = hashlib.sha256()
    try:
        with file.open("rb", buffering=0) as stream:
            while block := stream.read(_BLOCK_BYTES):
                digest.update(block)
                between_blocks()
    except OSError as error:
        raise DamagedModel(f"{file.name} cannot be read: {error.strerror or error}. Look for models again.") from error
    return digest.hexdigest()


def _combined(path: Path, files: tuple[Path, ...], digests: list[str]) -> str:
    """A single file's own hash; for a folder that of the lines ``sha256sum`` would print for its files."""
    if files == (path,):
        return digests[0]
    lines = "".join(
        f"{digest}  {file.relative_to(path).as_posix()}\n" for file, digest in zip(files, digests, strict=True)
    )
    return hashlib.sha256(lines.encode()).hexdigest()


def stamp_of(file: Path) -> list[int] | None:
    """Size and time of change, which tell whether a file is the one it was; ``None`` when it cannot be asked."""
    try:
        status = file.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def _load(file: Path) -> dict[str, dict[str, Any]]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {
        name: entry
        for name, entry in content.items()
        if isinstance(entry, dict) and isinstance(entry.get("sha256"), str) and isinstance(entry.get("stamp"), list)
    }
