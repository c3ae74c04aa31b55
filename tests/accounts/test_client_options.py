"""What somebody's programs have set stays theirs, in one row, whoever comes first."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from studio.accounts import ClientOptions
from studio.store import Database
from studio.store.tables import OwnerRow


@pytest.fixture
def options(tmp_path: Path) -> Iterator[ClientOptions]:
    database = Database.open(tmp_path / "studio.db")
    with database.session() as session:
        session.add_all(
            [OwnerRow(id=name, name=name, created_at=datetime.now(timezone.utc)) for name in ("anna", "ben")]
        )
    yield ClientOptions(database)
    database.close()


def test_each_owner_has_their_own(options: ClientOptions) -> None:
    options.change("anna", {"samples_format": "jpg", "return_grid": False})
    options.change("anna", {"samples_format": "webp"})
    options.change("ben", {"samples_format": "png"})
    assert options.of("anna") == {"samples_format": "webp", "return_grid": False}
    assert options.of("ben") == {"samples_format": "png"}
    assert options.of("local") == {}


def test_many_at_once_lose_nothing(options: ClientOptions) -> None:
    threads = [threading.Thread(target=options.change, args=("anna", {f"key {n}": n})) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert options.of("anna") == {f"key {n}": n for n in range(8)}
