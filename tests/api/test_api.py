"""The REST routes over a real server process with the fake engine."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from studio.pictures.texts import texts_in
from studio.recipe import ResolvedRecipe
from studio.recipe.metadata import from_png_text
from tests.servers import Server, running_server, wait_for_job


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, toy_models: Path) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("api") / "home"
    with running_server(home, "--models", str(toy_models)) as server:
        server.wait_until_ready()
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def order(client: httpx.Client, count: int = 1, **recipe: object) -> httpx.Response:
    return client.post("/api/v1/jobs", json={"count": count, "recipe": {"prompt": "a cat", "steps": 4, **recipe}})


def test_healthz(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok", "worker": "ready"}


def test_a_job_ends_in_pictures_with_their_recipe(client: httpx.Client, tmp_path: Path) -> None:
    answer = order(client, count=3, seed=40, sampler="k_euler_a")
    assert answer.status_code == 202
    job = wait_for_job(client, answer.json()["id"])
    assert job["state"] == "done"
    ids = [picture["image_id"] for picture in job["pictures"]]
    assert len(set(ids)) == 3
    seeds = []
    for image_id in ids:
        file = tmp_path / "picture.png"
        file.write_bytes(client.get(f"/api/v1/images/{image_id}/file").content)
        with Image.open(file) as picture:
            assert picture.text["parameters"].startswith("a cat\nSteps: 4, Sampler: Euler a")
        seeds.append(client.get(f"/api/v1/images/{image_id}").json()["recipe"]["seed"])
        thumbnail = client.get(f"/api/v1/images/{image_id}/thumbnail")
        assert thumbnail.status_code == 200 and thumbnail.headers["content-type"] == "image/webp"
    assert seeds == [40, 41, 42]


def test_repeating_an_order_with_its_id_is_harmless_and_another_is_refused(client: httpx.Client) -> None:
    body = {"id": "mine", "recipe": {"prompt": "once", "seed": 3, "steps": 2}}
    assert client.post("/api/v1/jobs", json=body).status_code == 202
    assert client.post("/api/v1/jobs", json=body).status_code == 202
    wait_for_job(client, "mine")
    assert client.get("/api/v1/images", params={"query": "once"}).json()["total"] == 1
    other = client.post("/api/v1/jobs", json={**body, "recipe": {"prompt": "twice"}})
    assert other.status_code == 409 and other.json()["error"]["code"] == "conflict"


@pytest.mark.parametrize(
    ("recipe", "field"),
    [
        ({"width_px": 0}, "width_px"),
        ({"width_px": 100}, "width_px"),
        ({"height_px": 16384}, "height_px"),
        ({"steps": 10**9}, "steps"),
        ({"steps": "many"}, "steps"),
        ({"guidance_scale": "NaN"}, "guidance_scale"),
        ({"prompt": "x" * 2**20}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_a_bad_value_is_one_error_that_names_the_field(
    client: httpx.Client, recipe: dict[str, object], field: str
) -> None:
    answer = client.post("/api/v1/jobs", json={"recipe": recipe})
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["field"] == field and field in error["message"]
    assert len(error["message"]) < 800


def test_nan_in_json_is_refused_in_words(client: httpx.Client) -> None:
    body = '{"recipe": {"prompt": "x", "guidance_scale": NaN}}'
    answer = client.post("/api/v1/jobs", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422 and answer.json()["error"]["message"]


def test_unknown_names_are_refused_with_what_there_is(client: httpx.Client) -> None:
    sampler = order(client, sampler="Eulr a")
    assert sampler.status_code == 422 and "Euler a" in sampler.json()["error"]["message"]
    checkpoint = order(client, checkpoint="nothing")
    assert checkpoint.status_code == 422 and "toy-a" in checkpoint.json()["error"]["message"]
    count = order(client, count=100000)
    assert count.status_code == 422 and count.json()["error"]["field"] == "count"


def test_what_is_not_there_is_404_in_json(client: httpx.Client) -> None:
    for path in (
        "jobs/none",
        "images/none",
        "images/none/file",
        "images/none/thumbnail",
        "jobs/none/events",
        "nothing",
    ):
        answer = client.get(f"/api/v1/{path}")
        assert answer.status_code == 404, path
        assert answer.json()["error"]["code"] == "not_found", path


def test_events_tell_a_job_from_first_to_last(client: httpx.Client) -> None:
    job_id = order(client, prompt="!slow events", steps=6).json()["id"]
    jobs = []
    with client.stream("GET", f"/api/v1/jobs/{job_id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data:"):
                jobs.append(json.loads(line[5:]))
    assert jobs[-1]["state"] == "done" and jobs[-1]["progress"] == 1
    progress = [job["progress"] for job in jobs]
    assert progress == sorted(progress) and len(set(progress)) > 2


def test_cancel_stops_what_runs_and_keeps_what_is_done(client: httpx.Client) -> None:
    job_id = order(client, prompt="!slow cancel me", steps=900).json()["id"]
    cancelled = client.delete(f"/api/v1/jobs/{job_id}")
    assert cancelled.status_code == 200
    assert wait_for_job(client, job_id, timeout_s=5)["state"] == "cancelled"
    assert client.delete(f"/api/v1/jobs/{job_id}").status_code == 200


def test_a_preview_is_a_jpeg_while_the_picture_runs_and_204_before_and_after(client: httpx.Client) -> None:
    job_id = order(client, prompt="!slow preview", steps=40).json()["id"]
    seen = set()
    for _ in range(200):
        answer = client.get(f"/api/v1/jobs/{job_id}/preview/0")
        seen.add(answer.status_code)
        if answer.status_code == 200:
            assert answer.content.startswith(b"\xff\xd8")
            break
        time.sleep(0.05)
    assert seen <= {200, 204} and 200 in seen
    client.delete(f"/api/v1/jobs/{job_id}")
    wait_for_job(client, job_id)
    ended = client.get(f"/api/v1/jobs/{job_id}/preview/0")
    assert ended.status_code == 204 and ended.content == b""
    assert client.get(f"/api/v1/jobs/{job_id}/preview/1").status_code == 404
    assert client.get("/api/v1/jobs/none/preview/0").status_code == 404


def test_a_picture_leaves_in_other_formats_with_its_recipe(client: httpx.Client) -> None:
    job = wait_for_job(client, order(client, prompt="travelling 猫", seed=9).json()["id"])
    image_id = job["pictures"][0]["image_id"]
    file = f"/api/v1/images/{image_id}/file"
    recipe = client.get(f"/api/v1/images/{image_id}").json()["recipe"]
    for name in ("jpeg", "webp", "avif"):
        answer = client.get(file, params={"format": name, "download": True})
        assert answer.headers["content-type"] == f"image/{name}"
        assert answer.headers["content-disposition"].endswith(f'.{name.replace("jpeg", "jpg")}"')
        found = from_png_text(texts_in(answer.content))
        assert found is not None and found.resolved == ResolvedRecipe(**recipe)
    low, high = (client.get(file, params={"format": "jpeg", "quality": one}).content for one in (5, 95))
    assert len(low) < len(high)
    for params in ({"format": "bmp"}, {"format": "jpeg", "quality": 0}, {"quality": 50}):
        refused = client.get(file, params=params)
        assert refused.status_code == 422 and refused.json()["error"]["field"] in ("format", "quality")


def test_a_file_comes_in_parts(client: httpx.Client) -> None:
    job = wait_for_job(client, order(client, prompt="parts").json()["id"])
    file = f"/api/v1/images/{job['pictures'][0]['image_id']}/file"
    whole = client.get(file)
    assert whole.headers["accept-ranges"] == "bytes"
    part = client.get(file, headers={"Range": "bytes=8-99"})
    assert part.status_code == 206 and part.content == whole.content[8:100]
    assert part.headers["content-range"] == f"bytes 8-99/{len(whole.content)}"
    assert client.get(file, headers={"Range": "bytes=-10"}).content == whole.content[-10:]
    assert client.get(file, headers={"Range": f"bytes={len(whole.content)}-"}).status_code == 416


def test_bin_and_restore(client: httpx.Client) -> None:
    job = wait_for_job(client, order(client, prompt="binned elephant").json()["id"])
    image_id = job["pictures"][0]["image_id"]
    search = {"query": "elephant"}
    assert client.get("/api/v1/images", params=search).json()["total"] == 1
    assert client.post("/api/v1/images/bin", json={"ids": [image_id]}).json() == {"count": 1}
    assert client.get("/api/v1/images", params=search).json()["total"] == 0
    assert client.get("/api/v1/images", params={**search, "binned": True}).json()["total"] == 1
    assert client.post("/api/v1/images/restore", json={"ids": [image_id]}).json() == {"count": 1}
    assert client.get("/api/v1/images", params=search).json()["total"] == 1


def test_pages_do_not_overlap(client: httpx.Client) -> None:
    wait_for_job(client, order(client, count=7, prompt="pages").json()["id"])
    seen: list[str] = []
    before = None
    while True:
        params = {"query": "pages", "limit": 3, **({"before": before} if before else {})}
        page = client.get("/api/v1/images", params=params).json()
        seen += [image["id"] for image in page["images"]]
        before = page["next"]
        if before is None:
            break
    assert len(seen) == len(set(seen)) == 7


def test_catalogue(client: httpx.Client) -> None:
    assert {model["name"] for model in client.get("/api/v1/models").json()["models"]} >= {"toy-a", "toy-b"}
    assert len(client.get("/api/v1/samplers").json()["samplers"]) == 20
    assert len(client.get("/api/v1/schedules").json()["schedules"]) >= 11
    assert client.get("/api/v1/presets").json()["presets"]
    counted = client.post("/api/v1/prompts/count", json={"text": "a cat", "checkpoint": "toy-a"}).json()
    assert counted == {"used": 2, "capacity": 75}


def test_resolve_answers_every_auto(client: httpx.Client) -> None:
    resolved = client.post("/api/v1/recipes/resolve", json={"prompt": "x", "checkpoint": "toy-a"}).json()
    assert resolved["seed"] >= 0 and resolved["width_px"] == 128 and "auto" not in resolved.values()


def test_openapi_is_there(client: httpx.Client) -> None:
    assert "/api/v1/jobs" in client.get("/api/v1/openapi.json").json()["paths"]
