"""Transactions that nest, threads that wait for each other, and damaged files that are set aside."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from studio.errors import SetupError, StorageError
from studio.store import Database
from studio.store.database import MIGRATIONS
from studio.store.tables import Base, ImageRow, JobRow, OwnerRow, PictureRow

NOW = datetime(2026, 3, 29, 1, 30, 0, 123456, timezone.utc)


VERSIONS = sorted(file.name[:4] for file in (MIGRATIONS / "versions").glob("0*.py"))
"""Every schema there was, the oldest first."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(tmp_path / "studio.db")
    yield database
    database.close()


def owner(name: str) -> OwnerRow:
    return OwnerRow(id=name, name=name, created_at=NOW)


def owners(database: Database) -> set[str]:
    with database.reading() as session:
        return set(session.scalars(select(OwnerRow.id)))


def test_the_migrations_make_exactly_the_tables(database: Database) -> None:
    def is_ours(_thing: object, name: str | None, *_rest: object) -> bool:
        return not (name or "").startswith("image_search")

    with database.session() as session:
        context = MigrationContext.configure(
            session.connection(), opts={"compare_type": True, "include_object": is_ours}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    database.migrate()
    assert owners(database) == {"local"}


def old_database(file: Path, version: str, count: int = 1) -> None:
    """A closed database as the studio of that schema left it: pictures whose prompts the index knows."""
    database = Database.at(file)
    database.migrate(version)
    columns = {
        "id": "", "owner_id": "local", "file": "", "sha256": "0", "width_px": 8, "height_px": 8,
        "prompt": "walrus", "negative_prompt": "", "checkpoint": "", "sampler": "", "notes": "{}", "infotext": "",
        "created_at": "2026-03-01 00:00:00.000000", "favourite": 1,
    }  # fmt: skip
    names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    with database.session() as session:
        for number in range(count):
            own = {"id": f"old {number}", "file": f"{number}.png", "infotext": "x" * 1000}
            session.execute(text(f"INSERT INTO images ({names}) VALUES ({values})"), {**columns, **own})
    database.close()


def search(database: Database) -> list[tuple[str, bool, str | None]]:
    with database.reading() as session:
        found = session.execute(text("SELECT rowid FROM image_search WHERE image_search MATCH 'walrus'")).scalars()
        rows = session.scalars(select(ImageRow).where(ImageRow.number.in_(list(found))))
        return [(row.id, row.favourite, row.parent_id) for row in rows]


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_every_older_schema_is_brought_up_to_date_with_its_rows(tmp_path: Path, version: str) -> None:
    old_database(tmp_path / "studio.db", version)
    database = Database.open(tmp_path / "studio.db")
    assert database.preparation.set_aside is None
    assert search(database) == [("old 0", True, None)]
    with database.session() as session:
        session.execute(text("UPDATE images SET prompt = 'seal'"))
    assert search(database) == []  # the triggers are still there
    database.close()


def test_a_damaged_database_of_an_older_schema_is_rescued_too(tmp_path: Path) -> None:
    file = tmp_path / "studio.db"
    old_database(file, "0001", count=100)
    content = bytearray(file.read_bytes())
    content[-4096:] = b"\xff" * 4096
    file.write_bytes(content)
    database = Database.open(file)
    assert database.preparation.set_aside is not None
    assert database.preparation.rescued["images"] >= 90
    assert ("old 0", True, None) in search(database)
    database.close()


def test_a_database_of_a_newer_studio_is_refused_in_words(database: Database) -> None:
    with database.session() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SetupError, match="newer version"):
        database.migrate()


def test_it_is_set_up_to_survive_a_power_cut(database: Database) -> None:
    with database.session() as session:
        pragmas = {
            name: session.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_odd_characters_in_the_path(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "a b%20c?d#ü" / "studio.db")
    assert owners(database) == {"local"}
    database.close()
    assert (tmp_path / "a b%20c?d#ü" / "studio.db").is_file()


def test_moments_keep_their_instant_to_the_microsecond(database: Database) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    with database.session() as session:
        session.add(OwnerRow(id="a", name="a", created_at=elsewhere))
    with database.reading() as session:
        kept = session.get_one(OwnerRow, "a").created_at
    assert kept == NOW
    assert kept.utcoffset() == timedelta(0)


def test_a_failing_block_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.session() as session:
        session.add(owner("a"))
        session.flush()
        raise ZeroDivisionError
    assert owners(database) == {"local"}


def test_an_inner_block_that_fails_undoes_itself_alone(database: Database) -> None:
    with database.session() as outer:
        outer.add(owner("a"))
        with pytest.raises(ZeroDivisionError), database.session() as inner:
            inner.add(owner("b"))
            inner.flush()
            raise ZeroDivisionError
        with database.session() as inner:
            inner.add(owner("c"))
    assert owners(database) == {"local", "a", "c"}


def test_an_outer_block_that_fails_undoes_the_inner_ones(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.session():
        with database.session() as inner:
            inner.add(owner("a"))
        raise ZeroDivisionError
    assert owners(database) == {"local"}


def test_integrity_errors_pass_and_the_next_block_works(database: Database) -> None:
    with pytest.raises(IntegrityError), database.session() as session:
        session.add(PictureRow(job_id="nobody's", idx=0, state="queued"))
    with database.session() as session:
        session.add(owner("a"))
    assert "a" in owners(database)


def test_deleting_a_job_deletes_its_pictures(database: Database) -> None:
    with database.session() as session:
        session.add(JobRow(id="j", owner_id="local", recipe={}, count=1, state="queued", created_at=NOW))
        session.flush()
        session.add(PictureRow(job_id="j", idx=0, state="queued"))
    with database.session() as session:
        session.execute(text("DELETE FROM jobs"))
        assert session.scalar(select(func.count()).select_from(PictureRow)) == 0


def test_readers_do_not_wait_for_a_writer_and_see_its_work_only_afterwards(database: Database) -> None:
    seen: list[set[str]] = []
    with database.session() as session:
        session.add(owner("a"))
        session.flush()
        reader = threading.Thread(target=lambda: seen.append(owners(database)))
        reader.start()
        reader.join(timeout=10)
        assert seen == [{"local"}]
    assert owners(database) == {"local", "a"}


def test_writers_of_many_threads_all_get_their_turn(database: Database) -> None:
    with database.session() as session:
        session.add(JobRow(id="j", owner_id="local", recipe={}, count=0, state="queued", created_at=NOW))

    def count_up() -> None:
        for _ in range(10):
            with database.session() as session:
                session.get_one(JobRow, "j").count += 1  # read, then write: lost updates would show

    threads = [threading.Thread(target=count_up) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as session:
        assert session.get_one(JobRow, "j").count == 120


def test_two_threads_open_a_new_database_at_once(tmp_path: Path) -> None:
    opened: list[Database] = []
    threads = [threading.Thread(target=lambda: opened.append(Database.open(tmp_path / "studio.db"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [owners(database) for database in opened] == [{"local"}] * 6
    for database in opened:
        database.close()


def test_a_folder_in_its_place_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "studio.db").mkdir()
    with pytest.raises(StorageError, match=r"studio\.db"):
        Database.open(tmp_path / "studio.db")
    assert (tmp_path / "studio.db").is_dir()


def filled(file: Path, count: int) -> bytes:
    """The bytes of a closed database with ``count`` owners."""
    database = Database.open(file)
    with database.session() as session:
        session.add_all(owner(f"person {number:05}") for number in range(count))
        session.add(JobRow(id="waiting", owner_id="local", recipe={}, count=3, state="queued", created_at=NOW))
    database.close()
    return file.read_bytes()


@pytest.mark.parametrize("part", [0.0, 0.00001, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_never_stops_the_start(tmp_path: Path, part: float) -> None:
    file = tmp_path / "studio.db"
    whole = filled(file, 2000)
    file.write_bytes(whole[: int(len(whole) * part)])
    database = Database.open(file)
    assert "local" in owners(database)
    assert database.check() is None
    if part >= 0.001:
        found = database.preparation
        assert found.set_aside is not None
        assert found.set_aside.read_bytes() == whole[: int(len(whole) * part)]
        assert str(found.set_aside) in str(found)
    database.close()


@pytest.mark.parametrize("content", [b"not a database, but a text that somebody saved here\n" * 200, b"\0" * 9000])
def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "studio.db").write_bytes(content)
    database = Database.open(tmp_path / "studio.db")
    assert owners(database) == {"local"}
    assert database.preparation.set_aside is not None
    assert database.preparation.set_aside.read_bytes() == content
    database.close()


def test_what_a_damaged_database_still_tells_is_rescued(tmp_path: Path) -> None:
    file = tmp_path / "studio.db"
    whole = bytearray(filled(file, 2000))
    pages_of_owners = whole.find(b"person 01000") // 4096
    whole[pages_of_owners * 4096 : (pages_of_owners + 1) * 4096] = b"\xff" * 4096
    file.write_bytes(whole)
    database = Database.open(file)
    assert database.preparation.set_aside is not None
    rescued = owners(database)
    assert {"person 00000", "person 00500", "person 01500", "person 01999"} <= rescued
    assert "person 01000" not in rescued
    assert len(rescued) > 1700
    with database.reading() as session:
        assert session.get_one(JobRow, "waiting").count == 3
    database.close()


def test_a_database_that_is_in_use_is_not_taken_for_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.store.database.BUSY_TIMEOUT_MS", 50)
    database = Database.open(tmp_path / "studio.db")
    other = sqlite3.connect(tmp_path / "studio.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StorageError, match="in use"), database.session() as session:
            session.add(owner("a"))
        again = Database.at(tmp_path / "studio.db")
        assert again.check() is None
        again.close()
    finally:
        other.close()
        database.close()


def test_after_an_input_or_output_error_connections_are_made_anew(database: Database) -> None:
    """Those to a drive that was pulled out never work again, though the drive is back."""
    before = database._engine.pool
    broken = sqlite3.OperationalError("disk I/O error")
    with pytest.raises(StorageError, match="cannot be used"), database.session():
        raise OperationalError("SELECT 1", {}, broken)
    assert database._engine.pool is not before
    assert owners(database) == {"local"}
