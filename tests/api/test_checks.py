"""Checking models over HTTP: begun with an immediate answer, looked at, stopped, and for keepers only."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from studio.server import create_app
from studio.services import Studio, build_studio
from studio.settings import load_settings
from tests.library import header_files as files
from tests.library.header_files import write_header_file

HERE, ELSEWHERE = ("127.0.0.1", 50000), ("192.168.1.7", 50000)
CHECKS = "/api/v1/models/checks"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    write_header_file(tmp_path / "models" / "ink.safetensors", files.LORA_SD1)
    os.truncate(write_header_file(tmp_path / "models" / "cut.safetensors", files.SD1), 5_000)
    return tmp_path / "models"


@pytest.fixture
def studio(models: Path, tmp_path: Path) -> Iterator[Studio]:
    studio = build_studio(load_settings(home=tmp_path / "home", models=[models], engine="fake"))
    yield studio
    studio.close()


def client_of(studio: Studio, place: tuple[str, int] = HERE) -> TestClient:
    return TestClient(create_app(studio, page=False), base_url="http://localhost", client=place)


def ended(client: TestClient) -> dict[str, object]:
    deadline = time.monotonic() + 30
    while (found := client.get(CHECKS).json())["state"] == "running":
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
    return dict(found)


def test_one_is_checked_and_its_card_says_so_to_everybody(studio: Studio) -> None:
    client = client_of(studio)
    ink = client.get("/api/v1/models", params={"kind": "lora", "query": "ink"}).json()["models"][0]
    route = f"/api/v1/models/{ink['id']}/check"
    assert ink["checked"] is None and client.get(route).json()["state"] == "never"
    begun = client.post(route)
    assert begun.status_code == 202 and begun.json()["state"] in ("waiting", "running", "done")
    found = ended(client)
    assert (found["state"], found["models"], found["problems"]) == ("done", 1, [])
    told = client.get(route).json()
    assert (told["state"], told["sound"], told["problem"], told["name"]) == ("done", True, None, "ink")
    assert client.delete(route).json()["state"] == "done", "nothing is there to stop"
    theirs = client_of(studio, ELSEWHERE).get(f"/api/v1/models/{ink['id']}").json()
    assert theirs["checked"] == {"at": told["at"], "problem": None}
    assert client.post(f"/api/v1/models/{ink['id']}/verify").json() == {"id": ink["id"], "sound": True, "problem": None}


def test_all_or_some_are_checked_and_a_round_that_ended_is_forgotten(studio: Studio) -> None:
    client = client_of(studio)
    ids = {card.name: card.id for card in studio.library.models()}
    assert client.post(CHECKS, json={}).status_code == 202
    found = ended(client)
    assert found["models"] == found["checked"] == len(ids) and found["done_bytes"] == found["size_bytes"]
    (problem,) = found["problems"]  # type: ignore[misc]
    assert problem["name"] == "cut" and "cut short" in problem["problem"]
    assert client.delete(CHECKS).json()["state"] == "idle"
    client.post(CHECKS, json={"models": [ids["cut"], ids["cut"]]})
    assert ended(client)["models"] == 1
    assert client.post(CHECKS, json={"models": ["0123456789abcdef"]}).status_code == 404
    assert client.post(CHECKS, json={"models": [], "rest": True}).json()["stopped"] == 0
    assert client.post(CHECKS, json={"modles": []}).status_code == 422
    for method in ("GET", "POST", "DELETE"):
        assert client.request(method, "/api/v1/models/0123456789abcdef/check").status_code == 404


def test_only_whoever_keeps_the_models(studio: Studio) -> None:
    client = client_of(studio, ELSEWHERE)
    one = f"/api/v1/models/{studio.library.models()[0].id}/check"
    for method in ("GET", "POST", "DELETE"):
        for path in (CHECKS, one):
            body = {} if method == "POST" else None
            assert client.request(method, path, json=body).status_code == 403, (method, path)
    assert studio.checks.round()["state"] == "idle"
