"""``studio queue`` beside a running studio, and where there is none."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.test_commands import studio
from tests.servers import running_server


def test_ones_own_jobs_from_the_terminal(tmp_path: Path, toy_models: Path) -> None:
    home = tmp_path / "home"
    none = studio("queue", "list", "--home", str(home))
    assert none.returncode == 1 and "No studio is running" in none.stderr and "studio serve" in none.stderr
    with running_server(home, "--models", str(toy_models)) as server:
        server.wait_until_ready()
        with server.client() as client:
            for job_id in ("first", "second", "secret"):
                recipe = {"prompt": f"{job_id} !slow", "steps": 1000, "width_px": 64, "height_px": 64}
                client.post("/api/v1/jobs", json={"id": job_id, "count": 8, "recipe": recipe}).raise_for_status()

        def queue(*words: str) -> str:
            answer = studio("queue", *words, "--home", str(home))
            assert answer.returncode == 0, answer.stderr
            return answer.stdout

        assert queue("move", "secret", "1").split() == ["1:", "secret", "2:", "first", "3:", "second"]
        assert queue("pause", "fir") == "Paused.\n"
        told = json.loads(queue("list", "--json"))
        assert [(job["id"], job["paused"]) for job in told["jobs"]] == [
            ("secret", False), ("first", True), ("second", False)
        ]  # fmt: skip
        assert queue("pause") == "2 jobs paused.\n"
        assert queue("resume") == "3 jobs going on.\n"
        assert "0 of 8 pictures were made" in queue("cancel", "second")
        assert "cancelled, 0 of 8" in queue("list")
        assert queue("retry", "second") == "8 pictures are in the queue again.\n"
        unsure = studio("queue", "cancel", "sec", "--home", str(home))
        assert unsure.returncode == 1 and "2 of your jobs begin with 'sec'" in unsure.stderr
