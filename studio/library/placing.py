"""Gives what is whole its name, and never one that something else has: a rename would silently take that away."""

from __future__ import annotations

import os
from pathlib import Path

from studio.errors import StorageError


def put_in_place(part: Path, target: Path) -> bool:
    """Call ``part``, a file or a folder, ``target``; ``False`` when something has that name by now.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        if part.is_dir() or not _linked(part, target):
            if target.exists():
                return False
            part.rename(target)
        return True
    except FileExistsError:
        return False
    except OSError as error:
        raise StorageError(f"{target} cannot be written: {error.strerror or error}.") from error


def _linked(part: Path, target: Path) -> bool:
    """Whether the file could get its name by a link, which fails where there is something; not every disk knows links.

    Raises `FileExistsError`.
    """
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:
        return False
    part.unlink()
    return True
