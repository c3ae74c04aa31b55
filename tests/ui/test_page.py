"""The page as it is built: one component per field, private events, nothing that Gradio would add by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from studio.services import Studio
from studio.ui import markup
from studio.ui.fields import FIELDS
from studio.ui.page import build_page, mount_page
from studio.ui.sections import HIDDEN


@pytest.fixture
def client(studio: Studio) -> Iterator[TestClient]:
    app = mount_page(FastAPI(), studio)
    with TestClient(app) as client:
        yield client


def test_each_field_has_one_component(studio: Studio) -> None:
    ids = [block.elem_id for block in build_page(studio).blocks.values() if getattr(block, "elem_id", None)]
    assert [ids.count(f"field-{name}") for name in FIELDS] == [1] * len(FIELDS)


def test_no_event_is_a_public_endpoint(studio: Studio) -> None:
    page = build_page(studio)
    assert page.get_api_info()["named_endpoints"] == {} and page.get_api_info()["unnamed_endpoints"] == {}


def test_values_reach_the_actions_unchecked(studio: Studio) -> None:
    events = [event for event in build_page(studio).fns.values() if event.fn is not None]
    assert events and not any(event.preprocess or event.queue for event in events)


def test_the_page_answers_with_its_own_name_and_no_footer(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200 and "Latent Studio" in answer.text
    config = client.get("/config").json()
    assert config["footer_links"] == [] and config["analytics_enabled"] is False


def test_files_of_the_server_stay_where_they_are(client: TestClient, studio: Studio) -> None:
    for path in (studio.paths.database, "/etc/passwd"):
        assert client.get(f"/gradio_api/file={path}").status_code in (403, 404)


def test_words_are_escaped() -> None:
    assert "<script>" not in markup.advice("<script>alert(1)</script>", 1, 2, True)
    assert "<b>" not in markup.fold("advanced", "<b>")


def test_every_setting_is_in_the_docs_by_its_label(studio: Studio) -> None:
    docs = Path(__file__).parents[2] / "docs"
    text = "".join((docs / name).read_text(encoding="utf-8") for name in ("page.md", "image-to-image.md", "finish.md"))
    hidden = {f"field-{name}" for name in HIDDEN}
    for block in build_page(studio).blocks.values():
        name = str(getattr(block, "elem_id", ""))
        if name.startswith("field-") and name not in hidden:
            assert block.label in text, block.label
