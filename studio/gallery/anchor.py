"""Knows whether the folder of images is the one it was: a drive that was taken out leaves an empty folder behind.

A small file in the folder says that it is the right one. While it is missing no picture is written, because what lies
under the place of a drive is hidden once the drive is back; and nothing is deleted, because it could not be found.
"""

from __future__ import annotations

import logging
from pathlib import Path

from studio.errors import StorageError, StorageMissing
from studio.store.files import write_atomic

log = logging.getLogger(__name__)

FILE = ".latent-studio"
_CONTENT = b"Latent Studio keeps its pictures in this folder, and knows the folder by this file.\n"


class Anchor:
    """The file in ``folder``. Until `settle` was called nothing is expected of it."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._is_expected = False

    def settle(self, *, has_rows: bool, has_files: bool) -> None:
        """At start: expect the file from now on, and make it unless pictures are known and none is there."""
        if self._file.is_file() or (has_rows and not has_files):
            self._is_expected = True
            return
        try:
            write_atomic(self._file, _CONTENT)
            self._is_expected = True
        except StorageError as error:
            log.warning("A folder of images that goes missing will not be noticed: %s", error)

    def check(self) -> None:
        """Raises `StorageMissing` while the folder is not the one it was."""
        said = self.trouble()
        if said is not None:
            raise StorageMissing(said)

    def trouble(self) -> str | None:
        """What to say to people while the folder is not the one it was."""
        if not self._is_expected or self._file.is_file():
            return None
        return (
            "The folder of pictures is not there. Is a drive missing? Put it back, and what waits goes on by itself. "
            f"If you emptied the folder on purpose, make an empty file named {FILE} in it."
        )
