"""Recipes over HTTP: read from pictures and texts, resolved, checked; and what is too large or none at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from studio.client import ServerRefused, StudioClient
from tests.dialects.recorded import FORGE, comfy
from tests.servers import Server, running_server, wait_for_job


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, toy_models: Path) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("recipes") / "home"
    with running_server(home, "--models", str(toy_models), STUDIO_MAX_UPLOAD_MB="1") as server:
        server.wait_until_ready()
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def test_a_picture_of_the_gallery_says_how_it_was_made_in_any_format(client: httpx.Client) -> None:
    recipe = {"prompt": "a fox, 猫", "seed": 11, "steps": 3, "checkpoint": "toy-b", "sampler": "Euler a"}
    job = wait_for_job(client, client.post("/api/v1/jobs", json={"recipe": recipe}).json()["id"])
    file = f"/api/v1/images/{job['pictures'][0]['image_id']}/file"
    for name in ("png", "jpeg", "webp", "avif"):
        picture = client.get(file, params={"format": name}).content
        answer = client.post("/api/v1/recipes/read", content=picture).json()
        assert answer["program"] == "Latent Studio" and answer["lacks"] == []
        assert {key: answer["recipe"][key] for key in recipe} == recipe
        assert {"checkpoint", "sampler"} <= {item["kind"] for item in answer["has"]}
        again = client.post("/api/v1/recipes/resolve", json=answer["recipe"]).json()
        assert (again["seed"], again["checkpoint"]) == (11, "toy-b")


def test_texts_are_read_from_the_body_and_as_json(client: httpx.Client) -> None:
    read = client.post("/api/v1/recipes/read", content=FORGE.encode()).json()
    assert read == client.post("/api/v1/recipes/parse", json={"text": FORGE}).json()
    assert read["program"] == "Forge" and {item["name"] for item in read["lacks"]} >= {"glow", "easynegative"}
    assert all(item["words"] for item in [*read["has"], *read["lacks"]])
    graph = client.post("/api/v1/recipes/parse", json={"text": json.dumps(comfy())}).json()
    assert graph["program"] == "ComfyUI" and graph["recipe"]["steps"] == 20


def test_a_recipe_is_checked_without_being_made(client: httpx.Client) -> None:
    good = client.post("/api/v1/recipes/validate", json={"prompt": "a cat", "seed": 3}).json()
    assert good["valid"] and good["error"] is None and "Seed: 3" in good["infotext"]
    bad = client.post("/api/v1/recipes/validate", json={"prompt": "a cat", "steps": 0})
    assert bad.status_code == 200
    assert not bad.json()["valid"] and bad.json()["error"]["field"] == "steps"
    assert client.get("/api/v1/jobs").json()["jobs"] == [] or "a cat" not in client.get("/api/v1/jobs").text


def test_what_is_no_picture_or_too_large_is_refused_with_what_to_change(client: httpx.Client) -> None:
    damaged = client.post("/api/v1/recipes/read", content=b"\x89PNG\r\n\x1a\n" + bytes(40))
    assert damaged.status_code == 422 and damaged.json()["error"]["field"] == "picture"
    large = client.post("/api/v1/recipes/read", content=bytes(1_000_001))
    assert large.status_code == 413
    assert large.json()["error"]["code"] == "too_large" and "up to 1 MB" in large.json()["error"]["message"]


def test_our_own_client_speaks_these_routes(server: Server) -> None:
    with StudioClient(server.address) as client:
        job = client.submit({"prompt": "by the client", "seed": 5, "steps": 2}, job_id="client")
        *_, ended = client.follow(job["id"])
        (picture,) = ended["pictures"]
        page = client.images("client")
        assert page["total"] == 1 and page["images"][0]["id"] == picture["image_id"]
        assert client.image(picture["image_id"])["seed"] == 5
        read = client.read_recipe(client.image_file(picture["image_id"], "jpeg", 80))
        assert client.resolve(read["recipe"])["seed"] == 5 and client.validate(read["recipe"])["valid"]
        assert {model["name"] for model in client.models()} >= {"toy-a"} and client.samplers() and client.presets()
        with pytest.raises(ServerRefused, match="steps"):
            client.resolve({"steps": 0})
