"""``studio models memory`` beside a running studio: what is in memory, and giving it back."""

from __future__ import annotations

import json
import time
from pathlib import Path

from studio.errors import StudioError
from tests.cli.test_models import studio
from tests.servers import running_server


def test_what_is_in_memory_is_shown_and_given_back(tmp_path: Path, toy_models: Path) -> None:
    home = tmp_path / "home"

    def memory(*words: str) -> str:
        answer = studio("memory", *words, "--home", str(home))
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    nobody = studio("memory", "--server", "http://127.0.0.1:9").exception
    assert isinstance(nobody, StudioError) and "No studio answers" in str(nobody)
    with running_server(home, "--models", str(toy_models)) as server:
        server.wait_until_ready()
        shown = memory()
        assert "No model is in memory." in shown and "MB free" in shown
        with server.client() as client:
            recipe = {"prompt": "a cat", "steps": 2, "width_px": 64, "height_px": 64, "checkpoint": "toy-a"}
            client.post("/api/v1/jobs", json={"id": "one", "recipe": recipe}).raise_for_status()
            deadline = time.monotonic() + 60
            while client.get("/api/v1/jobs/one").json()["state"] != "done" and time.monotonic() < deadline:
                time.sleep(0.1)
        told = json.loads(memory("--json"))
        (model,) = told["models"]
        assert model["name"] == "toy-a" and model["host_bytes"] + model["device_bytes"] > 0
        (line,) = (line for line in memory().splitlines() if line.startswith("toy-a"))
        assert "MB in memory" in line
        memory("--unload")
        while "toy-a" in memory() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert "No model is in memory." in memory()
