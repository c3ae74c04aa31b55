"""Opens the database for commands that also work beside a running studio."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio.paths import Paths
    from studio.store import Database


def open_database(paths: Paths) -> Database:
    """The database of a home. It is checked and mended unless a studio works on it, who has done so already; nobody
    else can begin to meanwhile, or two would set one damaged file aside.
    """
    from studio.errors import SetupError
    from studio.store import Database
    from studio.store.lock import HomeLock

    try:
        lock = HomeLock.acquire(paths.home, briefly=True)
    except SetupError:
        return Database.at(paths.database)
    try:
        return Database.open(paths.database)
    finally:
        lock.release()
