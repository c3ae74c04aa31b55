"""SHA-256 of model files, computed once and remembered by path, size and time of change.

Of a safetensors file the hash of what lies behind its header is kept beside: the one by which LoRAs are known, because
it stays the same when somebody edits their metadata.

The memory is a JSON file that can be thrown away. It is written whole and renamed into place, so a reader never sees
half of it; two studios that write at once lose at most a hash, which is computed again. A damaged one is set aside.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from studio.errors import Cancelled, DamagedModel
from studio.set_aside import set_aside

log = logging.getLogger(__name__)

MEMORY_FILE = "model-hashes.json"
_BLOCK_BYTES = 1 << 20


class Hashes:
    """The hashes of model files. Thread safe; a file that two want is read once, and nobody who waits for a small file
    waits for a large one that is read ahead.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / MEMORY_FILE
        self._known = _load(self._file)
        self._reading: dict[Path, threading.Lock] = {}
        self._saving = threading.Lock()
        self._stopped = threading.Event()

    def known(self, path: Path, files: tuple[Path, ...]) -> str:
        """The hash of a model if every file's is remembered and unchanged, else an empty string."""
        digests = [self._remembered(file) for file in files]
        return _combined(path, files, digests) if digests and all(digests) else ""

    def known_payload(self, file: Path) -> str:
        """The hash of a safetensors file without its header, if remembered and unchanged, else an empty string."""
        return self._remembered(file, "payload")

    def compute(self, path: Path, files: tuple[Path, ...]) -> str:
        """The hash of a model, read from disk where it is not remembered.

        Raises:
            DamagedModel: a file is gone or cannot be read.
            Cancelled: `stop` was called meanwhile.
        """
        return _combined(path, files, [self._remembered(file) or self._read(file) for file in files])

    def fresh(self, path: Path, files: tuple[Path, ...], on_bytes: Callable[[int], None] = lambda count: None) -> str:
        """The hash of a model as it is on the disk now, whatever is remembered; what was not, is from now on.

        ``on_bytes`` is called with the bytes of each block that was read. Raises as `compute` does, and what that
        raises.
        """

        def read(count: int) -> None:
            self._check_stopped()
            on_bytes(count)

        return _combined(path, files, [self._read_anew(file, read) for file in files])

    def stop(self) -> None:
        """Make a running `compute` end soon, in whatever thread."""
        self._stopped.set()

    def _remembered(self, file: Path, which: str = "sha256") -> str:
        entry = self._known.get(str(file))
        return str(entry[which]) if entry is not None and entry["stamp"] == stamp_of(file) else ""

    def _read(self, file: Path) -> str:
        with self._reading.setdefault(file, threading.Lock()):
            remembered = self._remembered(file)  # another thread may have read it while this one waited
            if remembered:
                return remembered
            before = stamp_of(file)
            whole, payload = both_hashes_of(file, lambda count: self._check_stopped())
            self._remember(file, before, whole, payload)
            return whole

    def _read_anew(self, file: Path, on_bytes: Callable[[int], None]) -> str:
        before = stamp_of(file)
        whole, payload = both_hashes_of(file, on_bytes, from_disk=True)
        if not self._remembered(file):
            self._remember(file, before, whole, payload)
        return whole

    def _remember(self, file: Path, before: list[int] | None, whole: str, payload: str) -> None:
        if before is not None and before == stamp_of(file):  # else it changed under our eyes
            entry = {"stamp": before, "sha256": whole, "payload": payload}
            with self._saving:
                self._known = {**self._known, str(file): entry}
                self._save()

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


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file in hexadecimal. Raises `DamagedModel` when it cannot be read."""
    return both_hashes_of(file)[0]


def both_hashes_of(
    file: Path, on_bytes: Callable[[int], None] = lambda count: None, *, from_disk: bool = False
) -> tuple[str, str]:
    """The SHA-256 of a file, and of what lies behind its safetensors header (empty for other files), in one reading.

    ``on_bytes`` is called with the bytes of each block. ``from_disk`` has the system read what it still holds in
    memory anew, where it can be asked to, and hold nothing of it afterwards: only so a disk shows what it gives, and
    gigabytes push nothing else out of memory.

    A1111 and kohya know a LoRA by the second (sd-scripts, ``library/train_util.py``, ``addnet_hash_safetensors``).
    Raises `DamagedModel` when the file cannot be read.
    """
    whole, payload = hashlib.sha256(), hashlib.sha256()
    try:
        with file.open("rb", buffering=0) as stream:
            if from_disk:
                _let_go(stream)
            header_bytes = _header_bytes(stream, file)
            position = 0
            while block := stream.read(_BLOCK_BYTES):
                whole.update(block)
                if header_bytes and position + len(block) > header_bytes:
                    payload.update(block[max(header_bytes - position, 0) :])
                position += len(block)
                if from_disk:
                    _let_go(stream, position)
                on_bytes(len(block))
    except OSError as error:
        raise DamagedModel(f"{file.name} cannot be read: {error.strerror or error}. Look for models again.") from error
    return whole.hexdigest(), payload.hexdigest() if header_bytes else ""


def _let_go(stream: BinaryIO, length: int = 0) -> None:
    """Ask the system to hold the beginning of a file, or all of it, in memory no longer; what others use stays."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # not every file system can
            os.posix_fadvise(stream.fileno(), 0, length, os.POSIX_FADV_DONTNEED)


def _header_bytes(stream: BinaryIO, file: Path) -> int:
    """How much of a safetensors file is header, its eight bytes of length included; 0 for other files."""
    if file.suffix.lower() != ".safetensors":
        return 0
    start = stream.read(8)
    stream.seek(0)
    return 8 + int.from_bytes(start, "little") if len(start) == 8 else 0


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
        if not isinstance(content, dict):
            raise ValueError("it holds no hashes")
    except OSError:
        return {}
    except ValueError as error:
        with contextlib.suppress(OSError):
            set_aside(file, str(error))
        return {}
    return {
        name: entry
        for name, entry in content.items()
        if isinstance(entry, dict)
        and all(isinstance(entry.get(which), str) for which in ("sha256", "payload"))
        and isinstance(entry.get("stamp"), list)
    }
