"""The one database: connections, transactions that nest, migrations, and what happens to a damaged file.

SQLite in write-ahead mode with full synchronisation, so a commit that returned survives a power cut. Errors of the
driver come out as `StorageError` in words; only `sqlalchemy.exc.IntegrityError` passes, because callers decide on it.
It refuses to know any table.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import URL, Engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from studio.errors import SetupError, StorageError, StorageFull
from studio.set_aside import set_aside
from studio.store.salvage import salvage

BUSY_TIMEOUT_MS = 15_000
LEAST_FREE_BYTES = 100_000
BEING_MADE_S = 2.0
"""How old an empty file must be to be taken for a damaged one."""
MIGRATIONS = Path(__file__).parent / "migrations"

_DAMAGE = ("file is not a database", "disk image is malformed", "malformed database schema", "unsupported file format")


_GONE = ("disk I/O error", "unable to open database file", "attempt to write a readonly database")


@dataclass(frozen=True)
class Preparation:
    """What `Database.prepare` found: ``set_aside`` is where a damaged file went, ``problem`` what was wrong with it.

    ``rescued`` counts, by table, the rows that the new one begins with.
    """

    set_aside: Path | None = None
    problem: str | None = None
    rescued: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        if self.set_aside is None:
            return "The database is sound."
        read = ", ".join(f"{count} {table}" for table, count in self.rescued.items())
        return (
            f"The database was damaged ({self.problem}). It was set aside as {self.set_aside} and a new one made, "
            f"with what could still be read: {read}."
        )


class Database:
    """One database by its SQLAlchemy ``url``. Safe to share between threads; not between processes by fork."""

    def __init__(self, url: str | URL) -> None:
        self.url = sqlalchemy.make_url(url)
        self.dialect = self.url.get_backend_name()
        self.is_sqlite = self.dialect == "sqlite"
        if self.is_sqlite and self.url.database in (None, "", ":memory:"):
            raise SetupError("The database must be a file: one in memory would be another one in every thread.")
        self._engine = sqlalchemy.create_engine(self.url, pool_size=8, max_overflow=56)
        # A transaction that reads first and writes later fails at once when somebody wrote in between, whatever the
        # busy timeout: so whoever may write says so at its beginning, and readers never wait for writers.
        self._reading_engine = self._engine.execution_options(studio_begin="DEFERRED")
        self._open = threading.local()
        # SQLite lets one write at a time, and has the others look again in growing pauses: where many write, some wait
        # for seconds. Threads of this process wait here instead, and go on the moment it is free.
        self._writing = threading.Lock()
        self.preparation = Preparation()
        if self.is_sqlite:
            event.listen(self._engine, "connect", _configure_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)

    @classmethod
    def at(cls, file: Path) -> Database:
        """The SQLite database in ``file``, whatever characters its path holds."""
        return cls(URL.create("sqlite", database=str(file)))

    @classmethod
    def open(cls, file: Path) -> Database:
        """The SQLite database in ``file``, made ready by `prepare`; ``preparation`` says what was found."""
        database = cls.at(file)
        database.preparation = database.prepare()
        return database

    @property
    def file(self) -> Path | None:
        """The database's file; ``None`` when it lives in a server."""
        return Path(self.url.database) if self.is_sqlite and self.url.database else None

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A transaction that may write: committed at the end of the block, rolled back when the block raises.

        Nests: inside another ``session()`` of the same thread it is a savepoint of that transaction, so an inner block
        that fails undoes itself alone. Never hold one across an ``await``.

        Raises:
            StorageFull, StorageError: the database could not be written; nothing of the block was kept.
        """
        outer: Session | None = getattr(self._open, "session", None)
        if outer is not None:
            assert not self._open.reads_only, "session() inside reading(): begin the outer block with session()"
            with outer.begin_nested():
                yield outer
            return
        with self._writing, self._transaction(self._engine, reads_only=False) as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only reads, from one snapshot; it never waits for writers. Joins an open one."""
        outer: Session | None = getattr(self._open, "session", None)
        if outer is not None:
            yield outer
            return
        with self._transaction(self._reading_engine, reads_only=True) as session:
            yield session

    @contextmanager
    def _transaction(self, engine: Engine, reads_only: bool) -> Iterator[Session]:
        try:
            with Session(engine, expire_on_commit=False) as session, session.begin():
                self._open.session, self._open.reads_only = session, reads_only
                try:
                    yield session
                finally:
                    self._open.session = None
        except IntegrityError:
            raise
        except DBAPIError as error:
            if any(sign in str(error.orig) for sign in _GONE):
                self._engine.dispose()  # a connection to a drive that was gone never works again; a new one may
            raise _in_words(error, self) from error

    def prepare(self) -> Preparation:
        """Make the database ready at start: check it, set a damaged file aside, migrate, rescue what can be read.

        Raises:
            SetupError: the database was made by a newer version of the studio.
            StorageError: it cannot be opened or written.
        """
        if self.file is not None:
            _make_folder(self.file.parent)
        problem = self.check()
        if problem is None:
            self.migrate()
            return Preparation()
        damaged = self._set_aside(problem)
        self.migrate()
        with self.session() as session:
            return Preparation(damaged, problem, salvage(damaged, session))

    def check(self) -> str | None:
        """What is wrong with the database's file, or ``None`` when it is sound or not there yet.

        Raises:
            StorageError: it cannot be opened at all (rights, a folder in its place), which is no damage.
        """
        if self.file is None or not self.file.exists():
            return None
        if _stays_empty(self.file):
            return "it is empty"  # to SQLite a new one, which nobody would be told of
        try:
            with self._reading_engine.connect() as connection:
                found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        except DBAPIError as error:
            if _is_damage(error):
                return str(error.orig)
            raise _in_words(error, self) from error
        return None if found == "ok" else " ".join(str(found).replace("*** in database main ***", "").split())

    def migrate(self, version: str = "head") -> None:
        """Bring the schema to the newest version, or to an older one by its number, in one transaction.

        Raises:
            SetupError: the database was made by a newer version of the studio.
        """
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        try:
            with self.session() as session:
                config.attributes["connection"] = session.connection()
                command.upgrade(config, version)
        except CommandError as error:
            raise SetupError(
                f"The database {self.file or self.url.host} was made by a newer version of Latent Studio ({error}). "
                "Update the studio, or start it with another --home."
            ) from error

    def close(self) -> None:
        """Close every connection; SQLite then folds its write-ahead log into the file."""
        self._engine.dispose()

    def _set_aside(self, problem: str) -> Path:
        assert self.file is not None
        self.close()
        try:
            target = set_aside(self.file, problem).file
            for suffix in ("-wal", "-shm"):
                beside = self.file.with_name(self.file.name + suffix)
                if beside.exists():
                    beside.rename(target.with_name(target.name + suffix))
        except OSError as error:
            raise StorageError(
                f"The database {self.file} is damaged and cannot be set aside: {error.strerror}. Move it away by hand."
            ) from error
        return target


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"The folder {folder} cannot be made: {error.strerror}. Choose another --home.") from error


def _stays_empty(file: Path) -> bool:
    """Whether the file holds nothing, and not because somebody else is making it just now."""
    while (status := file.stat()).st_size == 0:
        if not 0 <= time.time() - status.st_mtime < BEING_MADE_S:
            return True
        time.sleep(0.02)
    return False


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins no transactions of its own; `_begin_sqlite` does
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: sqlalchemy.Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('studio_begin', 'IMMEDIATE')}")


def _is_damage(error: DBAPIError) -> bool:
    return any(sign in str(error.orig) for sign in _DAMAGE)


def _first(error: DBAPIError) -> DBAPIError:
    """The error that began it: SQLite ends the whole transaction when the disk is full, savepoints included, and
    then complains that the savepoint to go back to is gone."""
    earlier: BaseException | None = error
    while earlier is not None and "no such savepoint" in str(error.orig):
        earlier = earlier.__context__
        if isinstance(earlier, DBAPIError):
            error = earlier
    return error


def _is_full(file: Path | None) -> bool:
    """Whether SQLite has no room for the files it keeps beside a database: that it calls an input or output error."""
    try:
        return file is not None and shutil.disk_usage(file.parent).free < LEAST_FREE_BYTES
    except OSError:
        return False


def _in_words(error: DBAPIError, database: Database) -> StorageError:
    """The driver's error as a sentence for a person."""
    error = _first(error)
    cause, where = str(error.orig), database.file or database.url.host
    if "full" in cause or ("disk I/O error" in cause and _is_full(database.file)):
        return StorageFull(f"The disk with the database {where} is full. Make room there, then try again.")
    if _is_damage(error):
        return StorageError(
            f"The database {where} is damaged ({cause}). Restart the studio: it sets the file aside and makes a new "
            "one from the pictures."
        )
    if "locked" in cause or "busy" in cause:
        return StorageError(f"The database {where} is in use by something else ({cause}). Try again in a moment.")
    return StorageError(f"The database {where} cannot be used: {cause}. Check that its folder can be written.")
