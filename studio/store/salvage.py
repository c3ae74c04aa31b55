"""Reads what is still readable out of a damaged database that was set aside.

Favourites, the bin and waiting jobs stand in no picture file: this is their only way back. Whatever is unreadable, or
contradicts what is there, is left out; pictures come back from their files anyway.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Table, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from studio.store.tables import Base

log = logging.getLogger(__name__)


def salvage(damaged: Path, session: Session) -> dict[str, int]:
    """Copy the readable rows of every table into the new database of ``session``; answers how many there are then."""
    rescued: dict[str, int] = {}
    for table in Base.metadata.sorted_tables:
        known = _columns(damaged, table.name)
        names = [column.name for column in table.columns if column.name in known]
        if not names:
            rescued[table.name] = _count(session, table)
            continue
        values = ", ".join(f":{name}" for name in names)
        insert = text(f"INSERT OR IGNORE INTO {table.name} ({', '.join(names)}) VALUES ({values})")
        for row in _readable_rows(damaged, table.name, names):
            try:
                with session.begin_nested():
                    session.execute(insert, dict(zip(names, row, strict=True)))
            except IntegrityError as error:
                log.warning("A row of %s was left out: %s.", table.name, error.orig)
        rescued[table.name] = _count(session, table)
    return rescued


def _columns(damaged: Path, table: str) -> set[str]:
    """The columns a table of the damaged database has: it may be older than the new one."""
    try:
        connection = sqlite3.connect(damaged)
    except sqlite3.Error:
        return set()
    try:
        return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
    except (sqlite3.Error, UnicodeDecodeError):
        return set()
    finally:
        connection.close()


def _count(session: Session, table: Table) -> int:
    return int(session.execute(text(f"SELECT count(*) FROM {table.name}")).scalar_one())


def _readable_rows(damaged: Path, table: str, names: list[str]) -> Iterator[tuple[object, ...]]:
    """The rows from the front up to the damage, then those from the back down to it."""
    for order in ("", " ORDER BY rowid DESC"):
        try:
            connection = sqlite3.connect(damaged)
        except sqlite3.Error:
            return
        try:
            # NOT INDEXED: an index may be damaged where the table is not
            yield from connection.execute(f"SELECT {', '.join(names)} FROM {table} NOT INDEXED{order}")
            return
        except (sqlite3.Error, UnicodeDecodeError) as error:
            log.info("%s of the damaged database ends early: %s.", table, error)
        finally:
            connection.close()
