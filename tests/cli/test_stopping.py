"""A clean stop: the step is finished, what is made is saved, the rest is parked; the next start goes on."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.servers import Server, running_server, wait_for_job

SECONDS_TO_STOP = 14.0
"""Three for connections, five for a step, and what saving takes on a machine that does much else."""


def order(client: httpx.Client, steps: int, count: int) -> None:
    recipe = {"prompt": "a walrus", "seed": 70, "steps": steps, "checkpoint": "toy-a", "width_px": 64, "height_px": 64}
    answer = client.post("/api/v1/jobs", json={"id": "long", "count": count, "recipe": recipe})
    assert answer.status_code == 202, answer.text


def stopped(server: Server, signals: Sequence[signal.Signals]) -> float:
    """Send the signals; answers how long it took until the server was gone, worker included."""
    workers, began_s = server.worker_ids(), time.monotonic()
    for number, one in enumerate(signals):
        if number:
            time.sleep(0.3)
        if server.process.poll() is None:
            server.process.send_signal(one)
    server.process.wait(30)
    took_s = time.monotonic() - began_s
    for worker in workers:
        assert not Path(f"/proc/{worker}").exists(), "the worker outlived the server"
    return took_s


def states(home: Path) -> list[str]:
    with closing(sqlite3.connect(home / "studio.db")) as reading:
        assert reading.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [state for (state,) in reading.execute("SELECT state FROM pictures ORDER BY idx")]


def pictures(home: Path) -> list[Path]:
    return sorted((home / "images").rglob("*.png"))


@pytest.mark.parametrize(
    ("engine", "signals", "steps", "count"),
    [
        ("torch", [signal.SIGTERM], 40, 12),
        ("fake", [signal.SIGINT], 30, 20),
        ("fake", [signal.SIGINT, signal.SIGINT], 30, 20),
    ],
    ids=["torch-term", "fake-interrupt", "fake-interrupt-twice"],
)
def test_a_stop_saves_what_is_made_and_parks_the_rest(
    tmp_path: Path, toy_models: Path, engine: str, signals: list[signal.Signals], steps: int, count: int
) -> None:
    home = tmp_path / "home"
    with running_server(home, "--models", str(toy_models), engine=engine) as server:
        with server.client() as client:
            order(client, steps, count)
            deadline_s = time.monotonic() + 120
            while client.get("/api/v1/jobs/long").json()["done"] < 2:
                assert time.monotonic() < deadline_s
                time.sleep(0.02)
        took_s = stopped(server, signals)
    left = states(home)
    kept = pictures(home)
    assert took_s < SECONDS_TO_STOP
    assert set(left) <= {"done", "queued"}, left
    assert 2 <= left.count("done") == len(kept) < count
    before = {path: path.read_bytes() for path in kept}
    with running_server(home, "--models", str(toy_models), engine=engine) as server, server.client() as client:
        job = wait_for_job(client, "long", 120)
        images = client.get("/api/v1/images", params={"limit": 100}).json()["images"]
    assert (job["state"], job["done"]) == ("done", count)
    assert sorted(image["seed"] for image in images) == list(range(70, 70 + count))
    assert {path: path.read_bytes() for path in kept} == before
    assert len(pictures(home)) == count
