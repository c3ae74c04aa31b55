"""One toy checkpoint for the whole folder, copied where a test wants to change it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.library import Library
from tests.toys import toy_checkpoint


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound epsilon toy of 128 px; not to be changed."""
    return toy_checkpoint(tmp_path_factory.mktemp("toys") / "toy")


@pytest.fixture
def put(toy: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Copies the toy to ``models/<name>`` and returns the copy."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(toy, tmp_path / "models" / name))

    return copy


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A library over ``models``; it hashes only when asked, and has not looked yet."""
    return Library([tmp_path / "models"], tmp_path / "cache", hash_ahead=False)
