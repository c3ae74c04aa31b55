"""`studio.client`: it covers what scripts need, its types are what the routes answer, and it goes on where it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from studio.client import ServerGone, ServerRefused, StudioClient
from studio.client_answers import Image, Job, Picture, Sampler, Schedule, Status, Stock, Upscaler
from tests.servers import Server, running_server

SMALL = {"steps": 2, "width_px": 64, "height_px": 64}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, toy_models: Path) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("client") / "home"
    with running_server(home, "--models", str(toy_models)) as server:
        server.wait_until_ready()
        yield server


@pytest.fixture
def studio(server: Server) -> Iterator[StudioClient]:
    with StudioClient(server.address) as client:
        yield client


def made(studio: StudioClient, **recipe: Any) -> Job:
    job = studio.submit({**SMALL, **recipe})
    return list(studio.follow(job["id"]))[-1]


def fits(answer: Mapping[str, Any], kind: Any) -> bool:
    return set(kind.__annotations__) <= set(answer)


def test_the_types_are_what_is_answered(studio: StudioClient) -> None:
    job = made(studio, prompt="a typed fox")
    assert job["state"] == "done" and fits(job, Job) and fits(job["pictures"][0], Picture)
    (image,) = studio.images("typed")["images"]
    assert fits(image, Image) and fits(studio.image(image["id"]), Image)
    assert fits(studio.status(), Status) and fits(studio.parse_recipe("a cat"), Stock)
    assert fits(studio.samplers()[0], Sampler) and fits(studio.schedules()[0], Schedule)
    assert fits(studio.upscalers()[0], Upscaler)


def test_jobs(studio: StudioClient) -> None:
    job = studio.submit({**SMALL, "prompt": "!slow one", "steps": 20}, job_id="chosen")
    assert studio.submit({**SMALL, "prompt": "!slow one", "steps": 20}, job_id="chosen")["id"] == "chosen"
    assert job["id"] in [one["id"] for one in studio.jobs()]
    seen = []
    for state in studio.follow("chosen"):
        seen.append(state)
        if state["preview_version"]:
            preview = studio.preview("chosen")
            assert preview is None or preview[:2] == b"\xff\xd8"
            studio.cancel("chosen")
    assert seen[-1]["state"] == "cancelled" and len(seen) > 2
    retried = studio.retry("chosen")
    assert retried["state"] != "cancelled"
    studio.cancel("chosen")
    assert studio.preview("chosen") is None


def test_images_with_search(studio: StudioClient) -> None:
    for seed in range(3):
        made(studio, prompt="a searched lake", seed=seed)
    page = studio.images(search="lake seed>0", sort="oldest", limit=1)
    assert page["total"] == 2 and page["images"][0]["seed"] == 1
    following = studio.images(search="lake seed>0", sort="oldest", limit=1, before=page["next"])
    assert following["images"][0]["seed"] == 2
    ids = [image["id"] for image in studio.every_image("searched lake")]
    assert len(ids) == 3 and studio.favourite(ids[0])["favourite"]
    assert studio.images(search="lake", favourites=True)["total"] == 1
    assert studio.bin_images(ids[:2]) == 2 and studio.images(search="lake")["total"] == 1
    assert studio.restore_images(ids[:2]) == 2
    assert studio.image_file(ids[0]).startswith(b"\x89PNG") and studio.thumbnail(ids[0])[8:12] == b"WEBP"


def test_models_recipes_and_presets(studio: StudioClient) -> None:
    (toy,) = studio.models(query="toy-b", usable=True)
    assert studio.write_on_model(toy["id"], notes="mine")["notes"] == "mine" == studio.model(toy["id"])["notes"]
    assert studio.check_models([toy["id"]])["models"] == 1
    while studio.checks()["state"] == "running":
        time.sleep(0.01)
    assert studio.model_check(toy["id"])["sound"] and studio.stop_checks()["state"] == "idle"
    resolved = studio.resolve({**SMALL, "prompt": "x", "checkpoint": "toy-b"})
    assert resolved["checkpoint"] == "toy-b" and studio.validate(SMALL)["valid"]
    refused = studio.validate({"steps": 0})
    assert not refused["valid"] and refused["error"] and refused["error"]["field"] == "steps"
    used, capacity = studio.count_tokens("a cat", "toy-b")
    assert 0 < used <= capacity
    saved = studio.save_preset({"title": "Of a client", "recipe": {"steps": 9}})
    assert studio.change_preset(saved["name"], notes="kept")["notes"] == studio.preset(saved["name"])["notes"]
    studio.delete_preset(saved["name"])
    with pytest.raises(ServerRefused, match="no preset"):
        studio.preset(saved["name"])


def test_nobody_there_is_said(server: Server) -> None:
    with StudioClient("http://127.0.0.1:9") as nowhere, pytest.raises(ServerGone):
        nowhere.status()


def told(client: httpx.Client, path: str, after: int | None = None) -> Iterator[tuple[int, str]]:
    """Number and data of each event."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    with client.stream("GET", path, headers=headers) as answer:
        number = ""
        for line in answer.iter_lines():
            if line.startswith("id:"):
                number = line[3:]
            elif line.startswith("data:"):
                yield int(number), line[5:]


def test_events_of_a_job_are_numbered_and_go_on_behind_the_last_one(server: Server, studio: StudioClient) -> None:
    job = studio.submit({**SMALL, "prompt": "!slow numbered", "steps": 8})
    path = f"/api/v1/jobs/{job['id']}/events"
    with server.client() as client:
        first, second = (next(told(client, path)) for _ in range(2))
        assert first[0] <= second[0]
        number = second[0]
        rest = [one for one, _ in told(client, path, number)]
        assert rest and rest[0] > number and rest == sorted(set(rest)), "nothing twice, nothing out of order"
        last = client.get(path, headers={"Last-Event-ID": str(rest[-1])})
        assert last.status_code == 204 and last.content == b"", "it was seen to its end"
        again = [one for one, _ in told(client, path, rest[0] - 1)]
        assert again == [rest[-1]], "who was away gets the job as it stands"
        assert [one for one, _ in told(client, path)] == [rest[-1]]
        assert client.get(path, headers={"Last-Event-ID": "nonsense"}).status_code == 422


def test_all_events_go_on_too(server: Server, studio: StudioClient) -> None:
    changes = studio.events()
    thread = threading.Thread(target=lambda: made(studio, prompt="heard"))
    thread.start()
    heard = next(change for change in changes if change.job["state"] == "done")
    thread.join()
    changes.close()
    assert heard.number is not None
    missed = next(change for change in studio.events(after=heard.number - 1) if change.number)
    assert missed == heard
