"""A studio that is closed while clients wait: it ends in time, and makes afterwards what was to be kept and no more."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.servers import running_server, wait_for_job


@pytest.mark.slow
def test_only_what_was_to_be_kept_is_made_after_the_next_start(tmp_path: Path, toy_models: Path) -> None:
    home, flags = tmp_path / "home", ("--models", str(toy_models))

    def order(address: str, keep: bool) -> None:
        body = {"prompt": f"!slow closing {keep}", "width": 64, "height": 64, "steps": 25, "save_images": keep}
        with contextlib.suppress(httpx.TransportError), httpx.Client(trust_env=False, timeout=60) as client:
            client.post(f"{address}/sdapi/v1/txt2img", json=body)

    with running_server(home, *flags) as server, server.client() as client:
        server.wait_until_ready()
        threads = [threading.Thread(target=order, args=(server.address, keep)) for keep in (True, False)]
        for thread in threads:
            thread.start()
        while len(client.get("/api/v1/jobs").json()["jobs"]) < 2:
            time.sleep(0.05)
    for thread in threads:
        thread.join(30)
    with running_server(home, *flags) as server, server.client() as client:
        jobs = client.get("/api/v1/jobs").json()["jobs"]
        states = {job["recipe"]["prompt"]: wait_for_job(client, job["id"])["state"] for job in jobs}
        assert states == {"!slow closing True": "done", "!slow closing False": "cancelled"}
        assert client.get("/api/v1/images", params={"query": "closing"}).json()["total"] == 1
