"""A server with two accounts and the fake engine, and a studio in this process that nobody has started."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from studio.accounts import Accounts
from studio.services import Studio, build_studio
from studio.settings import load_settings
from studio.store import Database
from tests.servers import Server, running_server

PASSWORD = "correct horse battery"


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory, toy_models: Path) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("sdapi") / "home"
    database = Database.open(home / "studio.db")
    accounts = Accounts(database, home / "secret.key", cheap_passwords=True)
    accounts.add("anna", "admin", PASSWORD)
    accounts.add("ben", "member", PASSWORD)
    database.close()
    few_at_once = {"STUDIO_PASSWORD_COST": "cheap", "STUDIO_LIVE_PICTURES": "4"}
    with running_server(home, "--models", str(toy_models), **few_at_once) as server:
        server.wait_until_ready()
        yield server


def logged_in(server: Server, name: str) -> httpx.Client:
    return httpx.Client(base_url=server.address, timeout=60, trust_env=False, auth=(name, PASSWORD))


@pytest.fixture
def anna(server: Server) -> Iterator[httpx.Client]:
    with logged_in(server, "anna") as client:
        yield client


@pytest.fixture
def ben(server: Server) -> Iterator[httpx.Client]:
    with logged_in(server, "ben") as client:
        yield client


@pytest.fixture(scope="package")
def studio(tmp_path_factory: pytest.TempPathFactory, toy_models: Path) -> Iterator[Studio]:
    home = tmp_path_factory.mktemp("plans") / "home"
    built = build_studio(load_settings(home=home, models=[toy_models], engine="fake"))
    yield built
    built.close()


def picture(width_px: int = 96, height_px: int = 64, colour: str = "red") -> Image.Image:
    return Image.new("RGB", (width_px, height_px), colour)


def as_base64(image: Image.Image, prefix: str = "") -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return prefix + base64.b64encode(file.getvalue()).decode()


def images_of(answer: dict[str, Any]) -> list[Image.Image]:
    return [Image.open(io.BytesIO(base64.b64decode(text))) for text in answer["images"]]


def ordered(client: httpx.Client, route: str, **body: Any) -> dict[str, Any]:
    """A generation of small pictures that must succeed."""
    answer = client.post(f"/sdapi/v1/{route}", json={"width": 64, "height": 64, "steps": 2, **body})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return {**told, "info": json.loads(told["info"])}
