"""``studio gallery`` keeps its hands off what a running studio works on."""

from __future__ import annotations

from pathlib import Path

from studio.store.lock import HomeLock
from tests.cli.test_commands import studio


def test_rebuild_takes_the_lock_before_it_opens_the_database(tmp_path: Path) -> None:
    """Opening sets a damaged database aside: under a running studio that would pull the file from its hands."""
    (tmp_path / "studio.db").write_bytes(b"damaged" * 1000)
    lock = HomeLock.acquire(tmp_path)
    try:
        answer = studio("gallery", "rebuild", "--home", str(tmp_path))
    finally:
        lock.release()
    assert answer.returncode == 1 and "already" in answer.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["studio.db", "studio.lock"]
    assert studio("gallery", "rebuild", "--home", str(tmp_path)).returncode == 0
    assert list(tmp_path.glob("studio.db.damaged-*"))


def test_search_speaks_the_language_and_says_what_is_wrong(tmp_path: Path) -> None:
    answer = studio("gallery", "search", "steps>20 cat", "--sort", "oldest", "--home", str(tmp_path))
    assert answer.returncode == 0 and "No picture is like that" in answer.stdout
    wrong = studio("gallery", "search", "cat steps>many", "--home", str(tmp_path))
    assert wrong.returncode != 0 and "at column 5" in wrong.stderr
