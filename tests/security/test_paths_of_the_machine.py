"""Who may name paths of the machine while there are no accounts: the person at it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.security.conftest import ADDRESS


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 202), ("::1", 202), ("192.168.1.7", 403), ("what", 403)])
def test_without_accounts_only_this_machine_imports_folders(
    app: FastAPI, tmp_path: Path, host: str, status: int
) -> None:
    client = TestClient(app, base_url=ADDRESS, client=(host, 50_000))
    answer = client.post("/api/v1/imports", json={"folders": [str(tmp_path)], "dry_run": True})
    assert answer.status_code == status, answer.text
    assert client.get("/api/v1/imports").json()["allowed"] is (status == 202)


def test_a_list_of_folders_is_no_upload(app: FastAPI) -> None:
    """Only the route that takes a file may be sent as much as one."""
    client = TestClient(app, base_url=ADDRESS, client=("127.0.0.1", 50_000), raise_server_exceptions=False)
    answer = client.post("/api/v1/imports", json={"folders": ["x" * 5_000_000]})
    assert answer.status_code == 413
