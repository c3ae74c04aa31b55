"""Two people's clients at once: each sees, stops and sets what is their own."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.sdapi.conftest import logged_in, ordered
from tests.servers import Server

LONG = {"prompt": "!slow a cat", "width": 64, "height": 64, "steps": 30}


class Ordering:
    """A request in a thread of its own."""

    def __init__(self, server: Server, name: str, **body: Any) -> None:
        self._work = lambda: self._send(server, name, body)
        self.answer: httpx.Response | None = None
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _send(self, server: Server, name: str, body: dict[str, Any]) -> None:
        with logged_in(server, name) as client:
            self.answer = client.post("/sdapi/v1/txt2img", json={**LONG, **body})

    def ended(self, timeout_s: float = 60) -> dict[str, Any]:
        self._thread.join(timeout_s)
        assert self.answer is not None and self.answer.status_code == 200, self.answer
        told: dict[str, Any] = self.answer.json()
        return {**told, "info": json.loads(told["info"])}


def until(look: Callable[[], Any], timeout_s: float = 30) -> Any:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError("it never came")


def progress(client: httpx.Client) -> dict[str, Any]:
    told: dict[str, Any] = client.get("/sdapi/v1/progress").json()
    return told


def test_nobody_sees_or_stops_anybody_elses(server: Server, anna: httpx.Client, ben: httpx.Client) -> None:
    order = Ordering(server, "anna", force_task_id="task(anna)")
    shown = until(lambda: (told := progress(anna))["current_image"] and told)
    assert 0 < shown["progress"] < 1 and shown["state"]["sampling_steps"] == 30
    idle = progress(ben)
    assert (idle["progress"], idle["state"]["job_count"], idle["current_image"]) == (0.0, 0, None)
    task = {"id_task": "task(anna)"}
    assert ben.post("/internal/progress", json=task).json()["active"] is False
    assert ben.get("/internal/pending-tasks").json() == {"size": 0, "tasks": []}
    assert anna.get("/internal/pending-tasks").json() == {"size": 1, "tasks": ["task(anna)"]}
    live = anna.post("/internal/progress", json=task).json()
    assert live["active"] and live["live_preview"].startswith("data:image/png;base64,")
    known = {**task, "id_live_preview": 10**6}
    assert anna.post("/internal/progress", json={**known, "live_preview": False}).json()["live_preview"] is None
    for stop in ("interrupt", "skip"):
        assert ben.post(f"/sdapi/v1/{stop}").json() == {}
    quick = ordered(ben, "txt2img", prompt="ben's", seed=2)
    assert quick["info"]["all_seeds"] == [2], "ben's own is made meanwhile"
    assert progress(anna)["state"]["interrupted"] is False
    anna.post("/sdapi/v1/interrupt")
    assert order.ended()["images"] == []
    assert anna.post("/internal/progress", json=task).json()["completed"] is True
    assert ben.post("/internal/progress", json=task).json()["completed"] is False


def test_skip_goes_on_with_the_next_batch(server: Server, anna: httpx.Client) -> None:
    order = Ordering(server, "anna", n_iter=2, steps=12, seed=100)
    until(lambda: progress(anna)["state"]["sampling_step"] > 0)
    assert progress(anna)["state"]["job_count"] == 2
    anna.post("/sdapi/v1/skip")
    assert order.ended()["info"]["all_seeds"] == [101]


def test_options_are_ones_own(anna: httpx.Client, ben: httpx.Client) -> None:
    before = ben.get("/sdapi/v1/options").json()
    mine = {"samples_format": "webp", "CLIP_stop_at_last_layers": 2, "sd_checkpoint_hash": "read only", "nonsense": 1}
    assert anna.post("/sdapi/v1/options", json=mine).status_code == 200
    assert ben.get("/sdapi/v1/options").json() == before
    changed = anna.get("/sdapi/v1/options").json()
    assert (changed["samples_format"], changed["CLIP_stop_at_last_layers"]) == ("webp", 2)
    assert changed["sd_checkpoint_hash"] != "read only" and "nonsense" not in changed
    made = ordered(anna, "txt2img", prompt="x")
    assert made["images"][0].startswith("UklGR"), "a WebP"
    assert made["info"]["clip_skip"] == 2
    assert ordered(ben, "txt2img", prompt="x")["info"]["clip_skip"] == 1
    anna.post("/sdapi/v1/options", json={"samples_format": "png", "CLIP_stop_at_last_layers": 1})


def test_who_hangs_up_leaves_nothing_behind_unless_it_is_to_be_kept(server: Server, anna: httpx.Client) -> None:
    for keep in (False, True):
        body = {**LONG, "prompt": f"!slow hung up {keep}", "steps": 10, "save_images": keep}
        with logged_in(server, "anna") as client, contextlib.suppress(httpx.TimeoutException):
            client.post("/sdapi/v1/txt2img", json=body, timeout=0.7)
        until(lambda: progress(anna)["state"]["job_count"] == 0)
        job = anna.get("/api/v1/jobs", params={"limit": 1}).json()["jobs"][0]
        assert job["recipe"]["prompt"].endswith(str(keep))
        assert job["state"] == ("done" if keep else "cancelled")
        found = anna.get("/api/v1/images", params={"query": "hung", "limit": 5}).json()
        assert found["total"] == (1 if keep else 0)
