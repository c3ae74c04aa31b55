"""Presets over HTTP: listed with what is wrong, saved from a picture, stacked in an order, handed on."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from studio.client import StudioClient
from tests.servers import Server, running_server, wait_for_job

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, toy_models: Path) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("presets") / "home", "--models", str(toy_models)) as server:
        server.wait_until_ready()
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def listed(client: httpx.Client) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in client.get("/api/v1/presets").json()["presets"]}


def made(client: httpx.Client, **order: Any) -> dict[str, Any]:
    answer = client.post("/api/v1/jobs", json={"count": 1, **order})
    assert answer.status_code == 202, answer.text
    job = wait_for_job(client, answer.json()["id"])
    [picture] = job["pictures"]  # type: ignore[misc]
    found: dict[str, Any] = client.get(f"/api/v1/images/{picture['image_id']}").json()
    return found


def test_the_list_names_families_and_problems(client: httpx.Client, server: Server) -> None:
    folder = server.home / "presets"
    folder.mkdir(exist_ok=True)
    (folder / "furry.toml").write_text('title = "Furry"\n[recipe]\nprompt = "{prompt} <lora:fur:1>"')
    answer = client.get("/api/v1/presets").json()
    assert answer["families"][0] == "Starter" and "Effort" in answer["families"]
    presets = {one["name"]: one for one in answer["presets"]}
    assert presets["furry"]["origin"] == "home" and "fur" in presets["furry"]["problem"]
    assert presets["quick-sketch"]["problem"] is None and presets["quick-sketch"]["fields"]["steps"] == 12
    assert str(server.home) not in str(answer)
    refused = client.post("/api/v1/jobs", json={"recipe": {}, "preset": "furry"})
    assert refused.status_code == 422 and "fur" in refused.json()["error"]["message"]
    (folder / "furry.toml").unlink()
    assert "furry" not in listed(client)


def test_several_are_laid_over_a_recipe_in_their_order(client: httpx.Client) -> None:
    for title, recipe in (
        ("Ink", {"prompt": "ink, {prompt}", "steps": 3}),
        ("Oil", {"prompt": "{prompt}, oil", "steps": 5}),
    ):
        assert client.post("/api/v1/presets", json={"title": title, "recipe": recipe}).status_code == 201
    one = made(client, recipe={"prompt": "a cat"}, presets=["ink", "Oil"])
    other = made(client, recipe={"prompt": "a cat"}, presets=["Oil", "ink"])
    assert (one["prompt"], one["steps"]) == ("ink, a cat, oil", 5) and other["steps"] == 3
    assert made(client, recipe={"prompt": "a cat"}, preset="ink")["steps"] == 3
    both = client.post("/api/v1/jobs", json={"recipe": {}, "preset": "ink", "presets": ["oil"]})
    assert both.status_code == 422
    assert client.post("/api/v1/jobs", json={"recipe": {}, "presets": ["none"]}).status_code == 404


def test_a_picture_becomes_a_preset_that_goes_out_and_comes_in(client: httpx.Client) -> None:
    image = made(client, recipe={"prompt": "a heron", "steps": 4, "seed": 9, "checkpoint": "toy-a", "sampler": "Heun"})
    body = {"title": "Heron’s look", "family": "Looks", "image": image["id"]}
    saved = client.post("/api/v1/presets", json=body).json()
    assert saved["name"] == "heron-s-look" and saved["fields"]["steps"] == 4 and "seed" not in saved["fields"]
    assert client.post("/api/v1/presets", json=body).status_code == 409
    thumbnail = client.get(f"/api/v1/{saved['thumbnail']}")
    assert thumbnail.headers["content-type"] == "image/webp"
    with Image.open(io.BytesIO(thumbnail.content)) as picture:
        assert max(picture.size) <= 160
    file = client.get("/api/v1/presets/heron-s-look/file")
    assert 'filename="heron-s-look.toml"' in file.headers["content-disposition"]
    assert (
        client.patch("/api/v1/presets/heron-s-look", json={"title": "H", "default_for": "sd1"}).json()["title"] == "H"
    )
    assert client.delete("/api/v1/presets/heron-s-look").status_code == 200
    assert client.get("/api/v1/presets/heron-s-look").status_code == 404
    taken = client.post("/api/v1/presets/import", content=file.content)
    assert taken.status_code == 201 and taken.json() == {"names": ["heron-s-look"], "problems": []}
    again = client.get("/api/v1/presets/heron-s-look").json()
    assert (again["title"], again["fields"], again["has_picture"]) == ("Heron’s look", saved["fields"], True)


def test_styles_are_imported(client: httpx.Client) -> None:
    data = b'name,prompt,negative_prompt\nPencil,"pencil, {prompt}",colour\n?,x,\n'
    taken = client.post("/api/v1/presets/import?file_name=styles.csv", content=data).json()
    assert taken["names"] == ["pencil"] and "line 3" in taken["problems"][0]
    image = made(client, recipe={"prompt": "a cat", "steps": 2}, preset="pencil")
    assert image["prompt"] == "pencil, a cat" and image["recipe"]["negative_prompt"] == "colour"


def test_what_is_wrong_is_said_with_its_field(client: httpx.Client) -> None:
    for body, field in (
        ({"title": "x"}, "recipe"),
        ({"title": "", "recipe": {"steps": 3}}, "title"),
        ({"title": "x", "recipe": {"steps": 0}}, "steps"),
        ({"title": "x", "recipe": {"steps": 3}, "default_for": "sd9"}, "default_for"),
        ({"title": "x", "recipe": {"steps": 3}, "tags": ["y" * 50]}, "tags"),
    ):
        answer = client.post("/api/v1/presets", json=body)
        assert (answer.status_code, answer.json()["error"]["field"]) == (422, field), answer.text
    half = client.post("/api/v1/presets", content=b'{"title": "\\ud800x", "recipe": {"steps": 3}}', headers=JSON)
    assert half.status_code == 422
    assert client.delete("/api/v1/presets/quick-sketch").status_code == 403
    assert client.patch("/api/v1/presets/quick-sketch", json={"title": "x"}).status_code == 403
    assert client.post("/api/v1/presets/import", content=b"\x89PNG").status_code == 422
    drawing = client.get("/api/v1/presets/careful-finish/thumbnail")
    assert drawing.status_code == 200 and drawing.headers["content-type"].startswith("image/")


def test_the_client_speaks_of_presets_too(server: Server) -> None:
    with StudioClient(server.address) as client:
        assert client.save_preset({"title": "By script", "recipe": {"steps": 6}})["name"] == "by-script"
        data = client.export_preset("by-script")
        assert client.import_presets(data)["names"] == ["by-script-2"]
        job = client.submit({"prompt": "x"}, presets=["by-script"])
        assert job["recipe"]["steps"] == 6
