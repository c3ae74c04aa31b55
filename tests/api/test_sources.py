"""Uploading sources and masks over HTTP, and what is refused."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.servers import Server, running_server, wait_for_job


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, toy_models: Path) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("sources") / "home"
    with running_server(home, "--models", str(toy_models), STUDIO_MAX_UPLOAD_MB="1") as server:
        server.wait_until_ready()
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def picture(mode: str = "RGB", size: tuple[int, int] = (40, 24), colour: object = 0) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, "PNG")
    return file.getvalue()


def test_a_picture_and_a_mask_are_stored_and_come_back(client: httpx.Client) -> None:
    data = picture(colour=(9, 8, 7))
    answer = client.post("/api/v1/sources", content=data)
    assert answer.status_code == 201
    source = answer.json()
    assert (source["width_px"], source["height_px"], source["has_alpha"], source["notes"]) == (40, 24, False, [])
    assert client.get(f"/api/v1/sources/{source['sha256']}").json() == source
    assert client.get(f"/api/v1/sources/{source['sha256']}/file").content == data
    mask = client.post("/api/v1/sources", params={"kind": "mask"}, content=picture("1", colour=1)).json()
    file = client.get(f"/api/v1/sources/{mask['sha256']}/file").content
    with Image.open(io.BytesIO(file)) as image:
        assert (image.mode, image.getextrema()) == ("L", (255, 255))


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [(b"", 422, "empty"), (b"GIF89a nonsense", 422, "cannot be read"), (b"x" * 1_100_000, 413, "up to 1 MB")],
)
def test_what_cannot_be_stored_is_said_in_words(client: httpx.Client, body: bytes, status: int, words: str) -> None:
    answer = client.post("/api/v1/sources", content=body)
    assert answer.status_code == status
    message = answer.json()["error"]["message"]
    assert words in message or "no picture that can be read" in message


def test_a_body_without_a_length_is_cut_off_at_the_limit(client: httpx.Client) -> None:
    answer = client.post("/api/v1/sources", content=(b"x" * 100_000 for _ in range(40)))
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["0" * 64, "..%2f..%2fstudio.db", "x"])
def test_what_is_not_stored_is_a_404(client: httpx.Client, path: str) -> None:
    assert client.get(f"/api/v1/sources/{path}").status_code == 404
    assert client.get(f"/api/v1/sources/{path}/file").status_code == 404


def test_a_picture_of_the_gallery_becomes_a_source(client: httpx.Client) -> None:
    recipe = {"prompt": "a cat", "steps": 2}
    job = wait_for_job(client, client.post("/api/v1/jobs", json={"recipe": recipe}).json()["id"])
    image_id = job["pictures"][0]["image_id"]
    source = client.post(f"/api/v1/sources/from-image/{image_id}").json()
    assert source["source_image"] == image_id
    kept = client.get(f"/api/v1/sources/{source['sha256']}/file").content
    assert kept == client.get(f"/api/v1/images/{image_id}/file").content
    assert client.post("/api/v1/sources/from-image/nobody").status_code == 404


def test_a_recipe_without_its_source_queues_nothing(client: httpx.Client) -> None:
    before = [job["id"] for job in client.get("/api/v1/jobs").json()["jobs"]]
    for recipe, field in (({"mode": "image"}, "source"), ({"mode": "image", "source": "../x"}, "source")):
        answer = client.post("/api/v1/jobs", json={"recipe": recipe})
        assert answer.status_code == 422 and answer.json()["error"]["field"] == field
    assert client.post("/api/v1/jobs", json={"recipe": {"mode": "image", "source": "0" * 64}}).status_code == 404
    assert [job["id"] for job in client.get("/api/v1/jobs").json()["jobs"]] == before
