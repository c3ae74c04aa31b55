"""Whether a disk has room for what is about to be written. It writes nothing but the folder itself."""

from __future__ import annotations

import shutil
from pathlib import Path

from studio.errors import StorageError, StorageFull


def make_room(folder: Path, needed_bytes: int, spare_bytes: int) -> None:
    """Raises `StorageFull` where ``folder`` has less room than both together; makes the folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise StorageError(f"The folder {folder} cannot be used: {error.strerror or error}.") from error
    if free < needed_bytes + spare_bytes:
        raise StorageFull(
            f"{(needed_bytes + spare_bytes) // 10**6:,} MB are needed in {folder}, and {free // 10**6:,} MB are free."
        )
