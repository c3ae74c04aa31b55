"""A whole studio in this process, page included, with what its own routes say of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from studio.server import create_app
from studio.services import Studio, build_studio
from studio.settings import load_settings
from tests.security.household import ADDRESS, PASSWORD


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory, toy_models: Path) -> Iterator[Studio]:
    """A studio that nobody has started, with small uploads."""
    home = tmp_path_factory.mktemp("security") / "home"
    built = build_studio(load_settings(home=home, models=[toy_models], engine="fake", max_upload_mb=1))
    yield built
    built.close()


@pytest.fixture(scope="session")
def app(studio: Studio) -> FastAPI:
    return create_app(studio)


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    """Not entered: the worker is not started. What fails inside shows as a 500 and not as an exception."""
    return TestClient(app, base_url=ADDRESS, raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, toy_models: Path) -> Iterator[Studio]:
    """A studio with the accounts of anna (an admin) and ben."""
    home = tmp_path_factory.mktemp("people") / "home"
    settings = load_settings(home=home, models=[toy_models], engine="fake", password_cost="cheap")
    built = build_studio(settings)
    built.accounts.add("anna", "admin", PASSWORD)
    built.accounts.add("ben", "member", PASSWORD)
    yield built
    built.close()
