"""Real servers for tests: ``studio serve`` in a process of its own, on a free port, ended by its id."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from studio.client import only
from studio.store.lock import running_certificate


@dataclass
class Server:
    """A running server. ``started_s`` is how long it took until it answered."""

    process: subprocess.Popen[str]
    address: str
    home: Path
    log: Path
    started_s: float

    def client(self, timeout_s: float = 30.0) -> httpx.Client:
        certificate = running_certificate(self.home)
        verify = only(certificate) if certificate else True
        return httpx.Client(base_url=self.address, timeout=timeout_s, trust_env=False, verify=verify)

    def worker_ids(self) -> list[int]:
        """Process ids of the worker (spawned Python processes under the server)."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child.pid for child in children if "spawn_main" in " ".join(child.cmdline())]

    def wait_until_ready(self, timeout_s: float = 120.0) -> None:
        """Wait until the worker takes orders."""
        deadline = time.monotonic() + timeout_s
        with self.client() as client:
            while time.monotonic() < deadline:
                if client.get("/healthz").json()["worker"] == "ready":
                    return
                time.sleep(0.1)
        raise TimeoutError(f"the worker was not ready in {timeout_s} s:\n{self.log.read_text()[-4000:]}")

    def kill(self) -> None:
        """``kill -9`` of the server and everything under it, at once."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        self.process.kill()
        self.process.wait(10)


@contextlib.contextmanager
def running_server(home: Path, *flags: str, engine: str = "fake", **environment: str) -> Iterator[Server]:
    """``studio serve`` on ``home`` until the block ends; it must then end by itself within 15 seconds of SIGTERM."""
    home.mkdir(parents=True, exist_ok=True)
    log = home.parent / f"{home.name}.log"
    variables = {**os.environ, "STUDIO_ENGINE": engine, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "2", **environment}
    began = time.monotonic()
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "studio", "serve", "--port", "0", "--home", str(home), *flags],
            env=variables,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        address = _address(process, log, home)
        yield Server(process, address, home, log, time.monotonic() - began)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
                raise AssertionError(f"the server did not end on SIGTERM:\n{log.read_text()[-4000:]}") from None


def _address(process: subprocess.Popen[str], log: Path, home: Path, timeout_s: float = 60.0) -> str:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and process.poll() is None:
        found = re.findall(r"answers at (https?://\S+)", log.read_text())
        if found:
            asked = Server(process, found[-1], home, log, 0.0).client(timeout_s=5)
            with contextlib.suppress(httpx.TransportError), asked as client:
                if client.get("/healthz").status_code == 200:
                    return found[-1]
        time.sleep(0.02)
    raise AssertionError(f"the server did not answer:\n{log.read_text()[-4000:]}")


def wait_for_job(client: httpx.Client, job_id: str, timeout_s: float = 60.0) -> dict[str, object]:
    """Poll a job until it has ended."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        job: dict[str, object] = client.get(f"/api/v1/jobs/{job_id}").json()
        if job["state"] in ("done", "failed", "cancelled"):
            return job
        time.sleep(0.05)
    raise TimeoutError(f"job {job_id} did not end in {timeout_s} s")
