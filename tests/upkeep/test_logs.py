"""The log file: put away when it grows, with the worker's lines, without secrets, and never in anybody's way."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.upkeep.logs import LogFile
from tests.jobs.parts import Parts, resolved, wait_for
from tests.servers import running_server, wait_for_job


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("tests.upkeep.logs")
    logger.propagate = False
    yield logger
    for handler in list(logger.handlers):
        handler.close()
        logger.removeHandler(handler)


def test_it_is_put_away_when_it_grows_and_old_ones_go(tmp_path: Path, logger: logging.Logger) -> None:
    logger.addHandler(LogFile(tmp_path / "logs" / "studio.log", 2_000, 3))
    for number in range(200):
        logger.warning("line %d %s", number, "x" * 50)
    files = sorted((tmp_path / "logs").iterdir())
    assert [file.name for file in files] == ["studio.log", "studio.log.1", "studio.log.2"]
    assert all(file.stat().st_size <= 2_000 for file in files)
    assert "line 199" in files[0].read_text()


def test_a_full_disk_costs_lines_and_nothing_else(
    tmp_path: Path, logger: logging.Logger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = LogFile(tmp_path / "studio.log", 2_000, 3)
    logger.addHandler(handler)
    logger.warning("before")

    def full(_text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(handler.stream, "write", full)
    logger.warning("lost")
    logger.warning("after")
    assert capsys.readouterr().err == ""
    assert [line.split()[-1] for line in (tmp_path / "studio.log").read_text().splitlines()] == ["before", "after"]


def test_what_a_worker_says_and_how_it_crashes_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    parts = Parts.build(tmp_path, factory="tests.jobs.engines:talkative")
    parts.dispatcher.start()
    try:
        job = parts.dispatcher.enqueue("local", resolved(prompt="!segfault"), 1)
        parts.finished(job.id)
        wait_for(lambda: any("Segmentation fault" in line for line in worker_lines(caplog)))
    finally:
        parts.close()
    assert "said on stdout" in worker_lines(caplog) and "half a line" in worker_lines(caplog)


def worker_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "studio.worker"]


def test_a_server_keeps_a_log_without_prompts_and_secrets(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running_server(home, STUDIO_LOG_MB="0.01", STUDIO_LOG_FILES="2") as server:
        server.wait_until_ready()
        with server.client() as client:
            order = {"recipe": {"prompt": "a very private walrus", "steps": 2}, "id": "one"}
            client.post("/api/v1/jobs", json=order)
            wait_for_job(client, "one")
            client.post("/api/v1/jobs", json={"recipe": {"prompt": "walrus !crash", "steps": 2}, "id": "two"})
            wait_for_job(client, "two")
            client.post("/login", data={"name": "anna", "password": "my secret password"})
    text = "".join(file.read_text() for file in (home / "logs").iterdir())
    assert "The worker ended" in text and "two" in text
    for secret in ("walrus", "my secret password", (home / "secret.key").read_text()):
        assert secret not in text
