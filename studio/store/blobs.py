"""Source pictures and masks by the hash of their bytes: stored once, named by content, so a recipe stays plain JSON."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from studio.errors import NotFound
from studio.store.files import PART_SUFFIX, in_words, write_atomic

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
        self.touch(digest)
        if not self._path(digest).is_file():
            write_atomic(self._path(digest), data)
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
        self.touch(digest)
        if not self.has(digest):
            raise NotFound("That source picture is not here. Choose it again.")
        return self._path(digest)

    def touch(self, digest: str) -> None:
        """Note that somebody looked at a blob lately: what nobody looks at and nothing names is tidied away.

        Whoever needs a blob does so first and looks whether it is here afterwards: see `discard`.
        """
        if not _SHA256.fullmatch(digest):
            return
        with contextlib.suppress(OSError):
            path = self._path(digest)
            if time.time() - path.stat().st_mtime > NOTED_AFTER_S:
                os.utime(path)

    def discard(self, digest: str, is_unused: Callable[[Path], bool]) -> bool:
        """Delete a blob of whose file ``is_unused`` says yes; answers whether it went.

        It loses its name first and is looked at again: whoever came to need it, in this process or another, has noted
        so in time and gets it back, or finds it gone and puts it anew. Raises `OSError`.
        """
        path = self._path(digest)
        aside = path.with_name(f".{digest}.{os.getpid()}-{secrets.token_hex(4)}{PART_SUFFIX}")
        path.rename(aside)
        if is_unused(aside) or path.is_file():
            aside.unlink()
            return not path.is_file()
        aside.replace(path)
        return False

    def _path(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest
