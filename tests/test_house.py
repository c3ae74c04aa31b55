"""The whole house over HTTP: it starts fast, and nothing is lost when its processes are killed."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from tests.servers import Server, running_server, wait_for_job

LATER_AT_MOST_S = 3.0


def loaded_libraries(process_id: int) -> set[str]:
    """Names of the shared libraries in the memory of a process."""
    maps = Path(f"/proc/{process_id}/maps").read_text()
    return {Path(line.split()[-1]).name for line in maps.splitlines() if ".so" in line}


def pictures_of(client: httpx.Client, query: str) -> list[dict[str, object]]:
    answer = client.get("/api/v1/images", params={"query": query, "limit": 500}).json()
    return list(answer["images"])


def wait_for_pictures(client: httpx.Client, job_id: str, count: int, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while client.get(f"/api/v1/jobs/{job_id}").json()["done"] < count:
        assert time.monotonic() < deadline, f"{count} pictures were not made in {timeout_s} s"
        time.sleep(0.01)


def order_eight(server: Server, prompt: str, steps: int = 12) -> str:
    recipe = {"prompt": prompt, "seed": 100, "steps": steps, "checkpoint": "toy-a"}
    with server.client() as client:
        client.post("/api/v1/jobs", json={"id": "eight", "count": 8, "recipe": recipe}).raise_for_status()
    return "eight"


def assert_eight_whole(client: httpx.Client, prompt: str) -> None:
    assert wait_for_job(client, "eight", timeout_s=120)["state"] == "done"
    images = pictures_of(client, prompt)
    assert sorted(image["recipe"]["seed"] for image in images) == list(range(100, 108))  # type: ignore[index]
    for image in images:
        assert client.get(f"/api/v1/images/{image['id']}/file").content.startswith(b"\x89PNG")


def test_the_page_answers_soon_while_the_worker_still_loads(tmp_path: Path, toy_models: Path) -> None:
    """Counted in the processor's time, which neighbours do not lengthen; alone with two cores it is the wall's."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import gradio"], check=True)
    wall_s = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    bare_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    with running_server(tmp_path / "home", "--models", str(toy_models), engine="torch") as server:
        with server.client() as client:
            page = client.get("/")
            spent = psutil.Process(server.process.pid).cpu_times()
        print(f"wall: import gradio {wall_s:.1f} s, page after {server.started_s:.1f} s")
        print(f"processor: import gradio {bare_s:.1f} s, page after {spent.user + spent.system:.1f} s")
        assert page.status_code == 200 and "gradio" in page.text
        assert spent.user + spent.system - bare_s <= LATER_AT_MOST_S
        server.wait_until_ready()
        assert not any("torch" in name for name in loaded_libraries(server.process.pid))
        assert any("torch" in name for pid in server.worker_ids() for name in loaded_libraries(pid))


@pytest.mark.parametrize("engine", ["fake", "torch"])
def test_kill_9_of_everything_at_picture_3_of_8(tmp_path: Path, toy_models: Path, engine: str) -> None:
    flags = ("--models", str(toy_models))
    few_at_once = {"STUDIO_LIVE_PICTURES": "2"}
    with running_server(tmp_path / "home", *flags, engine=engine, **few_at_once) as server:
        job_id = order_eight(server, "survivor")
        with server.client() as client:
            wait_for_pictures(client, job_id, 2)
        everything = psutil.Process(server.process.pid).children(recursive=True)
        server.kill()
        assert not psutil.wait_procs(everything, timeout=10)[1]
    with (
        running_server(tmp_path / "home", *flags, engine=engine, **few_at_once) as server,
        server.client() as client,
    ):
        assert_eight_whole(client, "survivor")


@pytest.mark.parametrize("engine", ["fake", "torch"])
def test_kill_9_of_the_worker_in_mid_job(tmp_path: Path, toy_models: Path, engine: str) -> None:
    flags = ("--models", str(toy_models))
    with (
        running_server(tmp_path / "home", *flags, engine=engine, STUDIO_LIVE_PICTURES="2") as server,
        server.client() as client,
    ):
        job_id = order_eight(server, "widow")
        wait_for_pictures(client, job_id, 2)
        for process_id in server.worker_ids():
            psutil.Process(process_id).kill()
        assert client.get("/").status_code == 200
        assert_eight_whole(client, "widow")


def test_a_damaged_database_is_set_aside_and_nothing_is_lost(tmp_path: Path, toy_models: Path) -> None:
    flags = ("--models", str(toy_models))
    with running_server(tmp_path / "home", *flags) as server, server.client() as client:
        wait_for_job(client, order_eight(server, "archive"))
    database = tmp_path / "home" / "studio.db"
    database.write_bytes(database.read_bytes()[:1000])
    for journal in tmp_path.glob("home/studio.db-*"):
        journal.unlink()
    with running_server(tmp_path / "home", *flags) as server, server.client() as client:
        assert len(pictures_of(client, "archive")) == 8
        assert "set aside" in server.log.read_text()
    assert list((tmp_path / "home").glob("studio.db.damaged-*"))


def test_a_truncated_checkpoint_is_one_clear_message_and_the_next_job_works(tmp_path: Path, toy_models: Path) -> None:
    from tests.toys import toy_checkpoint

    toy_checkpoint(tmp_path / "models" / "broken", broken="truncated")
    flags = ("--models", str(tmp_path / "models"), "--models", str(toy_models))
    with running_server(tmp_path / "home", *flags, engine="torch") as server, server.client() as client:
        refused = client.post("/api/v1/jobs", json={"recipe": {"prompt": "x", "checkpoint": "broken"}})
        assert refused.status_code == 422
        assert refused.json()["error"]["code"] == "damaged_model" and "broken" in refused.json()["error"]["message"]
        recipe = {"prompt": "x", "checkpoint": "toy-a", "steps": 2}
        job = client.post("/api/v1/jobs", json={"recipe": recipe}).json()
        assert wait_for_job(client, job["id"], timeout_s=120)["state"] == "done"
