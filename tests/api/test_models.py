"""The routes of the model library, over an app whose worker is not started."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from studio.recipe import Recipe
from studio.recipe.events import Pixels
from studio.server import create_app
from studio.services import LOCAL_OWNER, build_studio
from studio.settings import load_settings
from tests.library import header_files as files
from tests.library.header_files import spoil, write_header_file


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    write_header_file(folder / "v1.safetensors", files.FLUX_DEV)
    write_header_file(
        folder / "ink.safetensors", files.LORA_SD1, metadata={"ss_output_name": "ink", "note": "n" * 9999}
    )
    (folder / "cut.safetensors").write_bytes(b"")
    Image.new("RGB", (500, 500), "red").save(folder / "ink.png")
    return folder


@pytest.fixture
def client(models: Path, tmp_path: Path) -> Iterator[TestClient]:
    studio = build_studio(load_settings(home=tmp_path / "home", models=[models], engine="fake"))
    app = create_app(studio, page=False)  # not entered below: nothing is started
    client = TestClient(app, base_url="http://localhost", client=("127.0.0.1", 50000))
    yield client
    studio.close()


def names(client: TestClient, **filters: object) -> list[str]:
    answer = client.get("/api/v1/models", params=filters)
    assert answer.status_code == 200, answer.text
    return [model["name"] for model in answer.json()["models"]]


def the(client: TestClient, name: str) -> dict[str, object]:
    found = client.get("/api/v1/models", params={"kind": "all"}).json()["models"]
    return dict(next(model for model in found if model["name"] == name))


def test_a_model_is_read_again_and_spoilt_bytes_are_noticed(client: TestClient, models: Path) -> None:
    ink = the(client, "ink")
    verify = f"/api/v1/models/{ink['id']}/verify"
    deadline = time.monotonic() + 30
    while not the(client, "ink")["sha256"] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert client.post(verify).json() == {"id": ink["id"], "sound": True, "problem": None}
    file = models / "ink.safetensors"
    spoil(file)
    answer = client.post(verify).json()
    assert not answer["sound"] and "Its bytes changed although size and time did not" in answer["problem"]
    os.truncate(file, 2000)
    assert "cut short" in client.post(verify).json()["problem"], "before any scan saw it"
    assert client.post("/api/v1/models/0123456789abcdef/verify").status_code == 404


def test_checkpoints_unless_told_otherwise(client: TestClient) -> None:
    assert names(client) == ["cut", "v1", "starter", "starter-night"]
    assert names(client, kind="lora") == ["ink", "starter-ink"]
    assert names(client, kind="all", query="INK") == ["ink", "starter-ink"]
    assert names(client, kind="all", family="flux") == ["v1"]
    assert names(client, usable="true") == ["starter", "starter-night"]
    assert client.get("/api/v1/models", params={"kind": "hammer"}).status_code == 422
    answer = client.get("/api/v1/models").json()
    assert answer["kinds"] == {"checkpoint": 3, "lora": 2, "unknown": 1} and answer["problems"] == []


def test_only_those_in_a_folder(client: TestClient, models: Path) -> None:
    write_header_file(models / "styles" / "wash" / "soft.safetensors", files.LORA_SD1)
    everything = client.get("/api/v1/models", params={"kind": "all", "refresh": True}).json()
    assert everything["folders"] == {".": 6, "styles": 1, "styles/wash": 1}
    assert names(client, kind="lora", folder="Styles") == ["soft"] == names(client, kind="all", folder="styles/wash")
    assert names(client, folder="styles") == [] and "soft" not in names(client, kind="lora", folder=".")
    answer = client.get("/api/v1/models", params={"folder": "style"})
    assert answer.status_code == 422 and answer.json()["error"]["field"] == "folder"
    assert "(allowed: styles, styles/wash, or . for those in none)" in answer.json()["error"]["message"]


def test_a_new_file_is_there_after_a_refresh(client: TestClient, models: Path) -> None:
    before = client.get("/api/v1/models").json()["revision"]
    write_header_file(models / "new.safetensors", files.VAE_ORIGINAL)
    answer = client.get("/api/v1/models", params={"kind": "vae", "refresh": "true"}).json()
    assert [model["name"] for model in answer["models"]] == ["new"] and answer["revision"] > before


def test_a_card_with_what_its_header_says(client: TestClient) -> None:
    card = client.get(f"/api/v1/models/{the(client, 'ink')['id']}").json()
    assert (card["kind"], card["family"], card["form"]) == ("lora", "sd1", "LoRA")
    assert card["metadata"]["ss_output_name"] == "ink" and len(card["metadata"]["note"]) == 2_000
    assert "Flux" in str(the(client, "v1")["problem"]) and "empty" in str(the(client, "cut")["problem"])
    assert client.get("/api/v1/models/nonsense").status_code == 404


def test_a_picture_is_small_and_anew(client: TestClient) -> None:
    answer = client.get(f"/api/v1/models/{the(client, 'ink')['id']}/thumbnail")
    assert answer.headers["content-type"] == "image/webp" and answer.headers["x-content-type-options"] == "nosniff"
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.size == (384, 384)
    assert client.get(f"/api/v1/models/{the(client, 'v1')['id']}/thumbnail").status_code == 404


def test_notes_are_kept_in_the_home(client: TestClient, models: Path, tmp_path: Path) -> None:
    before = sorted(models.rglob("*"))
    route = f"/api/v1/models/{the(client, 'ink')['id']}"
    answer = client.patch(route, json={"notes": "weight 0.7", "recipe": {"steps": 12}})
    assert answer.status_code == 200
    assert (answer.json()["notes"], answer.json()["recipe"]) == ("weight 0.7", {"steps": 12})
    assert the(client, "ink")["notes"] == "weight 0.7" and sorted(models.rglob("*")) == before
    assert "weight 0.7" in (tmp_path / "home" / "model-cards" / "ink.toml").read_text(encoding="utf-8")
    refused = client.patch(route, json={"recipe": {"stepz": 12}})
    assert refused.status_code == 422 and "stepz" in refused.json()["error"]["message"]
    assert client.patch(route, json={"path": "/etc"}).status_code == 422


def test_words_weight_and_prediction_are_written_and_taken_away(client: TestClient) -> None:
    ink = f"/api/v1/models/{the(client, 'ink')['id']}"
    written = client.patch(ink, json={"trigger_words": ["ink style"], "weight": 0.7}).json()
    assert (written["trigger_words"], written["weight"]) == (["ink style"], 0.7)
    assert written["own"] == ["trigger_words", "weight"]
    assert client.patch(ink, json={"weight": None}).json()["own"] == ["trigger_words"]
    for body, words in (
        ({"weight": 200}, "weight: 200.0 is no weight of a LoRA (allowed: -100 to 100)"),
        ({"prediction": "epsilon"}, "only a checkpoint has one"),
        ({"prediction": "x0"}, "'epsilon' or 'v_prediction'"),
        ({"zero_snr": "perhaps"}, "zero_snr"),
    ):
        refused = client.patch(ink, json=body)
        assert refused.status_code == 422 and words in refused.json()["error"]["message"], refused.text
    starter = f"/api/v1/models/{the(client, 'starter')['id']}"
    before = the(client, "starter")["prediction"]
    other = "epsilon" if before == "v_prediction" else "v_prediction"
    resolve = {"prompt": "x", "checkpoint": "starter"}
    assert client.post("/api/v1/recipes/resolve", json=resolve).json()["prediction"] == ""
    assert client.patch(starter, json={"prediction": other, "zero_snr": True}).json()["prediction"] == other
    found = client.post("/api/v1/recipes/resolve", json=resolve).json()
    assert (found["prediction"], found["zero_snr"]) == (other, True)
    assert client.patch(starter, json={"prediction": None, "zero_snr": None}).json()["prediction"] == before


def test_one_of_my_pictures_is_shown_on_a_card_until_taken_away(
    client: TestClient, models: Path, tmp_path: Path
) -> None:
    studio = client.app.state.studio  # type: ignore[attr-defined]
    recipe = studio.resolve(Recipe(prompt="blue", seed=1))
    blue = bytes((0, 0, 255)) * (640 * 320)
    image = studio.gallery.add(Pixels(640, 320, blue), recipe, {}, LOCAL_OWNER, "job", 0)
    before = sorted(models.rglob("*"))
    ink = f"/api/v1/models/{the(client, 'ink')['id']}"
    told = client.put(f"{ink}/picture", json={"image_id": image.id}).json()
    assert told["own"] == ["picture"] and len(told["picture_id"]) == 16 and sorted(models.rglob("*")) == before

    def shown() -> tuple[tuple[int, int], str]:
        with Image.open(io.BytesIO(client.get(f"{ink}/thumbnail").content)) as picture:
            red, _, blue = picture.convert("RGB").getpixel((9, 9))  # type: ignore[misc]
            return picture.size, "blue" if blue > red else "red"

    assert shown() == ((384, 192), "blue")
    (kept,) = (tmp_path / "home" / "model-cards" / "pictures").iterdir()
    assert b"blue" not in kept.read_bytes(), "its recipe is nobody else's business"
    assert client.put(f"{ink}/picture", json={"image_id": "0" * 32}).status_code == 404
    assert client.patch(ink, json={"picture": "../x.webp"}).status_code == 422
    assert client.delete(f"{ink}/picture").json()["picture_id"] == "" and not kept.exists()
    assert shown() == ((384, 384), "red")


def test_what_takes_memory_and_what_a_change_costs(client: TestClient) -> None:
    answer = client.get("/api/v1/models/residency").json()
    assert answer["device"] is None and answer["models"] == [] and answer["unload_after_minutes"] == 15
    assert set(answer["costs"]) == {"starter", "starter-night"} and answer["automatic"] == "starter"
    assert answer["costs"]["starter"]["place"] == "disk" and answer["costs"]["starter"]["seconds"] is None
    assert answer["host"]["total_bytes"] > answer["host"]["free_bytes"] > 0
    assert client.post("/api/v1/models/unload").status_code == 202
