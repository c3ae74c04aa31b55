"""A gallery in a fresh home folder, on a copy of a database that was migrated once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.gallery import Gallery
from studio.paths import Paths
from studio.store import Database


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a closed database without a picture."""
    file = tmp_path_factory.mktemp("empty") / "studio.db"
    Database.open(file).close()
    return file


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.at(tmp_path)


@pytest.fixture
def gallery(paths: Paths, empty_database: Path) -> Iterator[Gallery]:
    shutil.copy(empty_database, paths.database)
    database = Database.at(paths.database)
    yield Gallery(database, paths)
    database.close()
