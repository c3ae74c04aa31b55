"""The page's own files: served by name only, kept for good by browsers, and safe inside the head."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from studio.api.errors import install_error_handlers
from studio.ui.assets import PageFiles


@pytest.fixture
def files() -> PageFiles:
    return PageFiles.read()


@pytest.fixture
def client(files: PageFiles) -> TestClient:
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(files.router())
    return TestClient(app)


def test_every_script_that_is_imported_is_there(files: PageFiles) -> None:
    for name, content in files.files.items():
        if name.endswith(".js"):
            wanted = {
                line.split('from "./')[1].split('"')[0] for line in content.decode().split("\n") if 'from "./' in line
            }
            assert wanted <= set(files.files), name


def test_files_are_kept_for_good_under_their_version(client: TestClient, files: PageFiles) -> None:
    answer = client.get(f"/page/{files.version}/main.js")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("name", ["../page.py", "..%2fpage.py", "%2e%2e/page.py", "nothing.js", "__init__.py"])
def test_nothing_else_is_served(client: TestClient, files: PageFiles, name: str) -> None:
    assert client.get(f"/page/{files.version}/{name}").status_code == 404


def test_the_version_follows_the_content(tmp_path: Path, files: PageFiles) -> None:
    for name, content in files.files.items():
        (tmp_path / name).write_bytes(content)
    assert PageFiles.read(tmp_path).version == files.version
    (tmp_path / "main.js").write_bytes(b"changed")
    assert PageFiles.read(tmp_path).version != files.version


def test_facts_cannot_end_their_script(files: PageFiles) -> None:
    head = files.head({"modelsFolder": "</script><script>alert(1)</script>"})
    assert "<script>alert" not in head


def test_nothing_points_outside(files: PageFiles) -> None:
    for name, content in files.files.items():
        text = content.decode().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text and "https://" not in text and "//cdn" not in text, name
