"""Getting models over HTTP: for whoever keeps them only, from a hub on loopback."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from studio.server import create_app
from studio.services import Studio, build_studio
from studio.settings import load_settings
from tests.library import header_files as files
from tests.library import pickles
from tests.library.fake_hub import FakeHub, served
from tests.library.header_files import write_header_file
from tests.toys import toy_checkpoint

HERE, ELSEWHERE = ("127.0.0.1", 50000), ("192.168.1.7", 50000)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    content = write_header_file(tmp_path / "there" / "ink.safetensors", files.SD1_INPAINTING).read_bytes()
    with served(FakeHub(content)) as fake:
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.setenv("NO_PROXY", "*")
        monkeypatch.setenv("HF_ENDPOINT", fake.address)
        yield fake


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    settings = load_settings(home=tmp_path / "home", engine="fake", password_cost="cheap")
    studio = build_studio(settings)
    yield studio
    studio.close()


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_checkpoint(tmp_path_factory.mktemp("toys") / "toy")


def client_of(studio: Studio, place: tuple[str, int] = HERE) -> TestClient:
    return TestClient(create_app(studio, page=False), base_url="http://localhost", client=place)


@pytest.fixture
def client(studio: Studio) -> TestClient:
    return client_of(studio)


def ended(client: TestClient) -> dict[str, object]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        (arrival,) = client.get("/api/v1/models/arrivals").json()["arrivals"]
        if arrival["state"] not in ("waiting", "running"):
            return dict(arrival)
        time.sleep(0.02)
    raise TimeoutError


def test_a_model_is_chosen_fetched_and_listed(client: TestClient, fake: FakeHub) -> None:
    found = client.get("/api/v1/models/hub", params={"model": "owner/name"}).json()
    assert found["repository"] == "owner/name" and found["free_bytes"] > 0
    assert found["files"] == [{"file": "ink.safetensors", "size_bytes": len(fake.content), "here": False}]
    answer = client.post("/api/v1/models/arrivals", json={"model": "owner/name"})
    assert answer.status_code == 202 and answer.json()["name"] == "ink.safetensors"
    arrival = ended(client)
    assert (arrival["state"], arrival["size_bytes"]) == ("done", len(fake.content))
    names = [model["name"] for model in client.get("/api/v1/models").json()["models"]]
    assert "ink" in names
    assert client.get("/api/v1/models/hub", params={"model": "owner/name"}).json()["files"][0]["here"]
    again = client.post("/api/v1/models/arrivals", json={"model": "owner/name"})
    assert again.status_code == 409 and "already" in again.json()["error"]["message"]


def test_a_pipeline_folder_is_offered_fetched_and_usable(client: TestClient, fake: FakeHub, toy: Path) -> None:
    whole = {file.relative_to(toy).as_posix(): file.read_bytes() for file in toy.rglob("*") if file.is_file()}
    half = {path.replace(".safe", ".fp16.safe"): data for path, data in whole.items() if path.endswith("tensors")}
    fake.repositories["owner/toy"] = whole | half | {"toy.ckpt": b"pickle"}
    found = client.get("/api/v1/models/hub", params={"model": "owner/toy"}).json()
    full, small = found["pipelines"]
    assert (full["variant"], small["variant"], full["problem"], full["here"]) == ("", "fp16", None, False)
    assert full["files"] == len(whole) and full["size_bytes"] == sum(map(len, whole.values()))
    answer = client.post("/api/v1/models/arrivals", json={"model": "owner/toy"})
    assert answer.status_code == 202 and answer.json()["name"] == "toy"
    arrival = ended(client)
    assert (arrival["state"], arrival["done_bytes"], arrival["made"]) == ("done", full["size_bytes"], "toy")
    (model,) = (one for one in client.get("/api/v1/models").json()["models"] if one["name"] == "toy")
    assert model["usable"] and model["layout"] == "diffusers"
    here = [one["here"] for one in client.get("/api/v1/models/hub", params={"model": "owner/toy"}).json()["pipelines"]]
    assert here == [True, False]
    address = "https://huggingface.co/owner/toy/blob/main/model_index.json"
    assert len(client.get("/api/v1/models/hub", params={"model": address}).json()["pipelines"]) == 2
    assert client.post("/api/v1/models/arrivals", json={"model": "owner/toy"}).status_code == 409


def test_a_file_of_another_repository_is_not_taken_for_this_one(client: TestClient, fake: FakeHub) -> None:
    nameless = "pytorch_lora_weights.safetensors"
    fake.repositories = {f"{owner}/ink": {nameless: fake.content + owner.encode()} for owner in ("one", "two")}
    fake.repositories["one/ink"] = {nameless: fake.content}
    client.post("/api/v1/models/arrivals", json={"model": "one/ink"})
    assert ended(client)["name"] == "ink.safetensors"
    here = [
        client.get("/api/v1/models/hub", params={"model": model}).json()["files"][0]["here"]
        for model in ("one/ink", "two/ink")
    ]
    assert here == [True, False]


def test_the_first_ones_say_what_they_need_and_tell_no_secrets(client: TestClient, tmp_path: Path) -> None:
    first = client.get("/api/v1/models/first").json()
    assert all(one["licence"] and one["memory_gb"] and one["size_bytes"] > 10**8 for one in first["models"])
    assert not any(one["here"] for one in first["models"])
    models = tmp_path / "home" / "models"
    write_header_file(models / "sd_xl_base_1.0.safetensors", files.SDXL)  # another one, by its size
    filler = {"filler": (167_000_000 - sum(math.prod(shape) for shape in files.VAE_ORIGINAL.values()),)}
    write_header_file(models / "vae-ft-mse-840000-ema-pruned.safetensors", {**files.VAE_ORIGINAL, **filler})
    client.get("/api/v1/models", params={"refresh": True})
    here = {one["name"] for one in client.get("/api/v1/models/first").json()["models"] if one["here"]}
    assert here == {"vae-mse"}


def test_several_files_and_no_network_are_one_sentence_each(
    client: TestClient, fake: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = client.post("/api/v1/models/arrivals", json={"model": "several/name"})
    assert several.status_code == 422 and several.json()["error"]["field"] == "file"
    assert client.post("/api/v1/models/arrivals", json={"model": "nonsense"}).json()["error"]["field"] == "model"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    offline = client.get("/api/v1/models/hub", params={"model": "owner/name"})
    assert offline.status_code == 503 and offline.json()["error"]["code"] == "offline"


def test_a_download_is_stopped_and_forgotten(client: TestClient, fake: FakeHub, studio: Studio) -> None:
    fake.pause_s = 0.05
    arrival_id = client.post("/api/v1/models/arrivals", json={"model": "owner/name"}).json()["id"]
    while not client.get("/api/v1/models/arrivals").json()["arrivals"][0]["done_bytes"]:
        time.sleep(0.01)
    assert client.delete(f"/api/v1/models/arrivals/{arrival_id}").json()["state"] == "stopped"
    assert client.delete(f"/api/v1/models/arrivals/{arrival_id}").status_code == 200
    assert client.get("/api/v1/models/arrivals").json() == {"arrivals": []}
    assert client.delete(f"/api/v1/models/arrivals/{arrival_id}").status_code == 404


def test_a_pickle_is_converted_and_a_hostile_one_refused(client: TestClient, studio: Studio, tmp_path: Path) -> None:
    folder = studio.paths.models
    folder.mkdir(parents=True, exist_ok=True)
    pickles.archive_of_small_state(folder / "ink.ckpt")
    pickles.HOSTILE["system"](folder / "evil.ckpt", tmp_path / "ran")
    listed = client.get("/api/v1/models", params={"kind": "all", "refresh": True}).json()["models"]
    ids = {model["file"]: model["id"] for model in listed}
    assert client.post(f"/api/v1/models/{ids['evil.ckpt']}/convert").status_code == 422
    begun = client.post("/api/v1/models/convert", json={"models": [ids["ink.ckpt"], ids["evil.ckpt"]]})
    assert begun.status_code == 202 and [one["source"] for one in begun.json()["arrivals"]] == ["ink.ckpt"]
    assert [one["file"] for one in begun.json()["refused"]] == ["evil.ckpt"]
    assert ended(client)["state"] == "done"
    assert client.post("/api/v1/models/convert", json={}).json() == {"arrivals": [], "refused": []}, "none is left"
    assert client.post("/api/v1/models/convert", json={"models": ["0123456789abcdef"]}).status_code == 404
    assert (folder / "ink.safetensors").is_file() and not (tmp_path / "ran").exists()


WAYS = [
    ("GET", "/api/v1/models/first"),
    ("GET", "/api/v1/models/hub?model=owner/name"),
    ("GET", "/api/v1/models/arrivals"),
    ("POST", "/api/v1/models/arrivals"),
    ("DELETE", "/api/v1/models/arrivals/0123456789abcdef"),
    ("POST", "/api/v1/models/convert"),
    ("POST", "/api/v1/models/0123456789abcdef/convert"),
    ("POST", "/api/v1/models/0123456789abcdef/verify"),
]


def ask(client: TestClient, method: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    bodies = {"/api/v1/models/arrivals": {"model": "owner/name"}, "/api/v1/models/convert": {}}
    body = bodies.get(path) if method == "POST" else None
    return client.request(method, path, json=body, headers=headers)


@pytest.mark.parametrize(("method", "path"), WAYS)
def test_members_and_strangers_get_no_models(studio: Studio, fake: FakeHub, method: str, path: str) -> None:
    without_accounts = ask(client_of(studio, ELSEWHERE), method, path)
    assert (
        without_accounts.status_code == 403 and "person at the machine" in without_accounts.json()["error"]["message"]
    )
    headers = {}
    for name, role in (("anna", "admin"), ("ben", "member")):
        person = studio.accounts.add(name, role, "correct horse battery")
        headers[name] = {"Authorization": f"Bearer {studio.accounts.keys.make(person.id, 'test').secret}"}
    assert ask(client_of(studio), method, path, headers["ben"]).status_code == 403
    assert ask(client_of(studio, ELSEWHERE), method, path, headers["anna"]).status_code in (200, 202, 404)
    assert ask(client_of(studio), method, path).status_code == 401
    assert fake.ranges == [] or method == "POST"


def test_the_page_is_told_who_keeps_models(studio: Studio) -> None:
    assert client_of(studio).get("/api/v1/me").json()["keeps_models"]
    assert not client_of(studio, ELSEWHERE).get("/api/v1/me").json()["keeps_models"]
