"""The queue over HTTP, as the people of a house: one's own line, nobody else's, what admins may, and quotas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from studio.accounts import Accounts
from studio.store import Database
from tests.servers import Server, running_server, wait_for_job

PASSWORD = "correct horse battery"
QUOTA = {
    "STUDIO_GUEST_WAITING_PICTURES": "6",
    "STUDIO_GUEST_PICTURES_PER_HOUR": "9",
    "STUDIO_GUEST_MEGAPIXEL_STEPS": "1",
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("queue") / "home"
    database = Database.open(home / "studio.db")
    accounts = Accounts(database, home / "secret.key", cheap_passwords=True)
    made = {"home": str(home)}
    for name, role in (("anna", "admin"), ("ben", "member"), ("gil", "guest"), ("gus", "guest")):
        made[name] = accounts.keys.make(accounts.add(name, role, PASSWORD).id, "test").secret
    database.close()
    return made


@pytest.fixture(scope="module")
def server(keys: dict[str, str], toy_models: Path) -> Iterator[Server]:
    with running_server(Path(keys["home"]), "--models", str(toy_models), **QUOTA) as server:
        server.wait_until_ready()
        yield server


@pytest.fixture
def as_person(server: Server, keys: dict[str, str]) -> Iterator[Any]:
    clients: list[httpx.Client] = []

    def client(name: str) -> httpx.Client:
        clients.append(server.client())
        clients[-1].headers["Authorization"] = f"Bearer {keys[name]}"
        return clients[-1]

    yield client
    for one in clients:
        for job in one.get("/api/v1/queue").json()["jobs"]:
            one.delete(f"/api/v1/jobs/{job['id']}")
        one.post("/api/v1/queue/clear")
        one.close()


def order(client: httpx.Client, job_id: str, count: int = 1, steps: int = 2, **recipe: object) -> httpx.Response:
    fields = {"prompt": f"{job_id} of mine", "steps": steps, "width_px": 64, "height_px": 64, **recipe}
    return client.post("/api/v1/jobs", json={"id": job_id, "count": count, "recipe": fields})


def line(client: httpx.Client) -> list[str]:
    return [job["id"] for job in client.get("/api/v1/queue").json()["jobs"]]


def test_ones_own_line_and_no_more_of_others_than_a_count(as_person: Any) -> None:
    anna, ben = as_person("anna"), as_person("ben")
    for name in ("one", "two", "three"):
        order(anna, name, 8, steps=60).raise_for_status()
    order(ben, "bens", 2, steps=60).raise_for_status()
    assert line(anna) == ["one", "two", "three"]
    assert anna.post("/api/v1/jobs/three/move", json={"place": 1}).json()["id"] == "three"
    assert line(anna) == ["three", "one", "two"]
    seen = ben.get("/api/v1/queue")
    assert seen.json()["others"]["people"] == 1 and 20 <= seen.json()["others"]["pictures"] <= 24
    assert "of mine" not in seen.text.replace("bens of mine", "")
    assert anna.post("/api/v1/jobs/two/pause").json()["paused"]
    assert anna.post("/api/v1/queue/pause").json() == {"changed": 2}
    assert ben.post("/api/v1/queue/resume").json() == {"changed": 0}
    assert all(job["paused"] for job in anna.get("/api/v1/queue").json()["jobs"])
    assert anna.post("/api/v1/queue/resume").json() == {"changed": 3}
    for verb, body in (("pause", None), ("resume", None), ("move", {"place": 1}), ("retry", None)):
        assert ben.post(f"/api/v1/jobs/one/{verb}", json=body).status_code == 404
    assert anna.delete("/api/v1/jobs/one").json()["state"] == "cancelled"
    assert anna.post("/api/v1/jobs/one/pause").status_code == 409
    assert anna.post("/api/v1/jobs/two/move", json={"place": 0}).status_code == 422


def test_ended_jobs_stay_until_they_are_cleared(as_person: Any) -> None:
    ben = as_person("ben")
    order(ben, "short", 3).raise_for_status()
    wait_for_job(ben, "short")
    (ended,) = ben.get("/api/v1/queue").json()["ended"]
    assert (ended["id"], ended["state"], len(ended["images"])) == ("short", "done", 3)
    assert ben.post("/api/v1/queue/clear").json() == {"cleared": 1}
    assert ben.get("/api/v1/queue").json()["ended"] == []
    assert ben.get("/api/v1/jobs/short").json()["done"] == 3


def test_what_waits_is_told_when_it_begins_and_ends(as_person: Any) -> None:
    ben = as_person("ben")
    order(ben, "measure", 8, steps=20).raise_for_status()
    wait_for_job(ben, "measure")
    for number in range(4):
        order(ben, f"next{number}", 8, steps=20).raise_for_status()
    jobs = ben.get("/api/v1/queue").json()["jobs"]
    starts, ends = [job["starts_in_s"] for job in jobs], [job["ends_in_s"] for job in jobs]
    assert starts == sorted(starts) and ends == sorted(ends) and starts[0] == 0 and starts[-1] > 0
    # Eight at a time, 20 rounds of 0.02 s and more: each job is at least 0.4 s, and the forecast knows it.
    assert ends[-1] > 1.2


def test_an_admin_sees_whose_they_are_and_stops_them_and_nobody_else_does(as_person: Any) -> None:
    anna, ben, gil = as_person("anna"), as_person("ben"), as_person("gil")
    order(ben, "noisy", 8, steps=400).raise_for_status()
    told = anna.get("/api/v1/queue/everybody")
    (job,) = [job for job in told.json()["jobs"] if job["id"] == "noisy"]
    assert job["person"] == "ben" and job["steps"] == 400
    assert "of mine" not in told.text and "recipe" not in job
    assert ben.get("/api/v1/queue/everybody").status_code == 403
    for verb in ("pause", "resume", "cancel"):
        assert gil.post(f"/api/v1/queue/everybody/noisy/{verb}").status_code == 404
        assert anna.post(f"/api/v1/queue/everybody/nothing/{verb}").status_code == 404
    assert anna.post("/api/v1/queue/everybody/noisy/pause").json()["paused"]
    assert not anna.post("/api/v1/queue/everybody/noisy/resume").json()["paused"]
    stopped = anna.post("/api/v1/queue/everybody/noisy/cancel").json()
    assert stopped["state"] == "cancelled" and "recipe" not in stopped
    assert ben.get("/api/v1/jobs/noisy").json()["state"] == "cancelled"


def test_over_a_quota_the_answer_says_when_to_come_back(as_person: Any) -> None:
    gil, ben = as_person("gil"), as_person("ben")
    assert ben.get("/api/v1/queue").json()["quota"]["waiting_pictures"] == {"used": 0, "most": 1000}
    order(gil, "slow", 5, steps=240).raise_for_status()
    quota = gil.get("/api/v1/queue").json()["quota"]
    assert quota["waiting_pictures"] == {"used": 5, "most": 6}
    assert quota["pictures_per_hour"] == {"used": 5, "most": 9}
    refused = order(gil, "more", 2)
    error = refused.json()["error"]
    assert refused.status_code == 429 and error["code"] == "over_quota"
    assert 0 < int(refused.headers["retry-after"]) == error["retry_after_s"] <= 3600
    assert "5 of your pictures wait already, and 6 may" in error["message"] and "Try again in about" in error["message"]
    assert order(gil, "slow", 5, steps=240).status_code == 202, "the same order again is no other one"
    gil.delete("/api/v1/jobs/slow")
    assert gil.get("/api/v1/queue").json()["quota"]["pictures_per_hour"]["used"] == 0, "cancelled ones do not count"
    for number in range(3):
        order(gil, f"quick{number}", 3).raise_for_status()
        wait_for_job(gil, f"quick{number}")
    refused = order(gil, "tenth")
    assert refused.status_code == 429 and 3500 < int(refused.headers["retry-after"]) <= 3600
    assert "9 of the 9 pictures" in refused.json()["error"]["message"]
    gil.post("/api/v1/queue/clear")
    assert order(gil, "tenth").status_code == 429, "clearing away forgets nothing"
    assert gil.post("/api/v1/jobs/slow/retry").status_code == 429
    assert order(ben, "twenty", 20).status_code == 202


def test_what_could_never_fit_is_refused_at_its_field(as_person: Any) -> None:
    gus = as_person("gus")
    refused = order(gus, "huge", steps=100, width_px=512, height_px=512).json()["error"]
    assert refused["field"] == "steps" and "3 steps at this size" in refused["allowed"]
    refused = order(gus, "many", 7).json()["error"]
    assert refused["field"] == "count" and refused["allowed"] == "1 to 6"
    assert line(gus) == []
