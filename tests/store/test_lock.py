"""One studio at a time works on a home, and who only looks in keeps none from starting."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from studio.cli.beside import open_database
from studio.errors import SetupError
from studio.paths import Paths
from studio.store import Database, Preparation, lock
from studio.store.lock import HomeLock, is_locked, running_address


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Counts the looks of whoever waits for a lock."""
    looks, sleep = threading.Semaphore(0), lock.time.sleep

    def counted(seconds: float) -> None:
        looks.release()
        sleep(seconds)

    monkeypatch.setattr(lock.time, "sleep", counted)
    return looks


def test_a_second_studio_is_refused_and_told_where_the_first_answers(
    tmp_path: Path, looked: threading.Semaphore
) -> None:
    first = HomeLock.acquire(tmp_path)
    first.publish("http://localhost:7860")
    assert is_locked(tmp_path)
    with pytest.raises(SetupError, match="answers at http://localhost:7860"):
        HomeLock.acquire(tmp_path)
    assert looked._value < lock.LOOKS, "it was waited for, though it stays"
    first.release()
    assert not is_locked(tmp_path) and running_address(tmp_path) is None


def test_who_has_the_lock_briefly_is_waited_for(tmp_path: Path, looked: threading.Semaphore) -> None:
    brief = HomeLock.acquire(tmp_path, briefly=True)
    acquired: list[HomeLock] = []
    starting = threading.Thread(target=lambda: acquired.append(HomeLock.acquire(tmp_path)))
    starting.start()
    for _ in range(lock.LOOKS + 1):
        assert looked.acquire(timeout=20)
    assert acquired == []
    brief.release()
    starting.join(20)
    assert is_locked(tmp_path) and len(acquired) == 1
    acquired[0].release()


def test_where_a_studio_answered_that_was_killed_is_told_to_nobody(tmp_path: Path) -> None:
    """Another program may answer there by now, and would be shown the key of this machine."""
    (tmp_path / "studio.lock").write_text('{"address": "http://localhost:7860", "pid": 1}')
    held = HomeLock.acquire(tmp_path)  # the next one, which does not answer anywhere yet
    assert is_locked(tmp_path) and running_address(tmp_path) is None
    held.release()


def test_a_command_opens_the_database_while_nobody_else_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = Database.prepare

    def prepared_alone(database: Database) -> Preparation:
        assert is_locked(tmp_path), "a studio could start, and set the same damaged file aside"
        return prepare(database)

    monkeypatch.setattr(Database, "prepare", prepared_alone)
    paths = Paths.at(tmp_path)
    open_database(paths).close()
    assert paths.database.is_file() and not is_locked(tmp_path)
    held = HomeLock.acquire(tmp_path)
    monkeypatch.setattr(Database, "prepare", lambda database: pytest.fail("it is the studio's to mend"))
    open_database(paths).close()
    held.release()
