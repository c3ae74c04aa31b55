"""Opens the database for commands that also work beside a running studio."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio.paths import Paths
    from studio.store import Database


def open_database(paths: Paths) -> Database:
    """The database of a home. It is checked and mended unless a studio works on it, who has done so already."""
    from studio.store import Database
    from studio.store.lock import is_locked

    return Database.at(paths.database) if is_locked(paths.home) else Database.open(paths.database)
