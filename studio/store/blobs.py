"""Source pictures and masks by the hash of their bytes: stored once, named by content, so a recipe stays plain JSON."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from pathlib import Path

from studio.errors import NotFound
from studio.store.files import in_words, write_atomic

NOTED_AFTER_S = 3600.0
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """The blobs in ``folder``, spread over 256 folders by the first two digits of their hash."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes) -> str:
        """Keep ``data``; answers its sha256 in hex. Putting the same bytes again is harmless.

        Raises:
            StorageFull, StorageError: it could not be written.
        """
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        if path.is_file():
            self.touch(digest)
        else:
            write_atomic(path, data)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes with that sha256. Raises `NotFound`, also for what is no hash."""
        path = self.path(digest)
        try:
            return path.read_bytes()
        except OSError as error:
            raise in_words(error, path) from error

    def has(self, digest: str) -> bool:
        """Whether a blob of that sha256 is here."""
        return bool(_SHA256.fullmatch(digest)) and self._path(digest).is_file()

    def path(self, digest: str) -> Path:
        """The file of the blob with that sha256. Raises `NotFound`, also for what is no hash."""
        if not self.has(digest):
            raise NotFound("That source picture is not here. Choose it again.")
        self.touch(digest)
        return self._path(digest)

    def touch(self, digest: str) -> None:
        """Note that somebody looked at a blob lately: what nobody looks at and nothing names is tidied away."""
        with contextlib.suppress(OSError):
            path = self._path(digest)
            if time.time() - path.stat().st_mtime > NOTED_AFTER_S:
                os.utime(path)

    def _path(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest
