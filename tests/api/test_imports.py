"""Importing over HTTP: files one by one for everybody, folders of the machine for its keeper alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from studio.client import ServerRefused, StudioClient
from tests.cli.test_commands import studio as command
from tests.gallery.foreign import A1111, OF_PROGRAMS, other_with, outputs, png_with, put
from tests.servers import Server, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, toy_models: Path) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("imports") / "home"
    with running_server(home, "--models", str(toy_models), STUDIO_MAX_UPLOAD_MB="1") as server:
        yield server


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture
def client(server: Server) -> Iterator[StudioClient]:
    with StudioClient(server.address) as client:
        yield client


def through(client: StudioClient, import_id: str) -> dict[str, object]:
    deadline = time.monotonic() + 30
    while (view := client.import_state(import_id))["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline, view
        time.sleep(0.02)
    return view


def test_a_file_comes_in_with_its_recipe_and_leaves_as_it_came(http: httpx.Client, client: StudioClient) -> None:
    data = other_with(A1111, "WEBP", 1)
    taken = client.import_picture(data, "outputs/Dusk/00001-42.webp", modified_ms=1_700_000_000_000, labels="tags")
    image = taken["image"]
    assert taken["outcome"] == "imported" and image["prompt"] == "castle on a hill" and image["seed"] == 777
    assert image["created_at"] == "2023-11-14T22:13:20+00:00"
    assert client.import_picture(data)["outcome"] == "here"
    assert http.get(f"/api/v1/images/{image['id']}/labels").json()["tags"] == ["dusk", "outputs"]
    file = http.get(f"/api/v1/images/{image['id']}/file?download=true")
    assert (file.content, file.headers["content-type"]) == (data, "image/webp")
    assert file.headers["content-disposition"].endswith('.webp"')
    copy = http.get(f"/api/v1/images/{image['id']}/file?format=png")
    assert copy.headers["content-type"] == "image/png"
    said = http.post("/api/v1/recipes/read", content=copy.content).json()
    assert said["recipe"]["prompt"] == "castle on a hill" and said["program"] == "A1111"
    assert http.get(f"/api/v1/images/{image['id']}/thumbnail").headers["content-type"] == "image/webp"
    source = http.post(f"/api/v1/sources/from-image/{image['id']}").json()
    assert (source["width_px"], source["height_px"]) == (32, 24)


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 422, "empty"),
        (b"no picture", 422, "is no picture to keep"),
        (b"GIF89a" + b"\1" * 30, 422, "x.png"),
        (png_with({}, 3)[:-40], 422, "is cut off"),
        (b"x" * 1_100_000, 413, "up to 1 MB"),
    ],
)
def test_what_is_no_whole_picture_is_refused_by_name(http: httpx.Client, data: bytes, status: int, words: str) -> None:
    answer = http.post("/api/v1/images/import?path=a/x.png", content=data)
    assert answer.status_code == status and words in answer.json()["error"]["message"]
    assert answer.json()["error"]["field"] == "file"


def test_a_folder_comes_in_and_a_dry_run_says_what_would(client: StudioClient, tmp_path: Path) -> None:
    theirs = outputs(tmp_path / "outputs")
    dry = client.import_folders([str(theirs)], dry_run=True)
    assert dry["import"] is None and dry["survey"]["count"] == 13 and dry["survey"]["fits"] is True
    ordered = client.import_folders([str(theirs)], labels="albums")["import"]
    view = through(client, ordered["id"])
    assert (view["state"], view["imported"], view["doubles"], view["skipped"]) == ("done", 10, 1, 2)
    problems = view["problems"]
    assert isinstance(problems, list) and problems[0]["file"] == "A1111/cut.jpg"
    found = client.images("beautiful scenery")["images"]
    assert found[0]["notes"]["Made with"] == "ComfyUI" and OF_PROGRAMS["ComfyUI"][1] == found[0]["prompt"]
    with pytest.raises(ServerRefused, match="is through"):
        client._json("POST", f"/api/v1/imports/{ordered['id']}/resume")
    assert client.cancel_import(ordered["id"])["state"] == "done"


def test_the_command_asks_the_running_studio(server: Server, tmp_path: Path) -> None:
    put(tmp_path / "theirs" / "a.png", png_with({"parameters": "a stork"}, 50))
    home = ("--home", str(server.home))
    dry = command("gallery", "import", str(tmp_path / "theirs"), "--dry-run", *home)
    assert dry.stdout.startswith("1 picture (1 PNG)") and "they fit" in dry.stdout
    answer = command("gallery", "import", str(tmp_path / "theirs"), *home)
    assert answer.returncode == 0 and "1 imported, 0 here already, 0 skipped." in answer.stdout
    wrong = command("gallery", "import", str(tmp_path / "nowhere"), *home)
    assert wrong.returncode == 1 and "there is no folder" in wrong.stderr


def test_the_command_works_without_a_studio(tmp_path: Path) -> None:
    theirs = outputs(tmp_path / "outputs")
    answer = command("gallery", "import", str(theirs), "--labels", "tags", "--home", str(tmp_path / "home"))
    assert answer.returncode == 0 and "10 imported, 1 here already, 2 skipped." in answer.stdout
    assert "Skipped: A1111/cut.png is cut off" in answer.stdout
    found = command("gallery", "search", "tag:comfyui", "--home", str(tmp_path / "home"))
    assert "beautiful scenery" in found.stdout
