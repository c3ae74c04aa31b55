"""The ways into the app, read from the app: which the door leaves open, and that no other has crept in."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.testclient import TestClient

from studio.door.paths import PAGE_PATHS, is_open
from tests.security.routes import ways_into

OPEN_TO_THE_PAGE = {
    *PAGE_PATHS,
    "/assets/{path:path}",
    "/static/{path:path}",
    "/gradio_api/run/{api_name}",
}
OF_THE_STUDIO = ("/api/", "/sdapi/", "/internal/", "/page/", "/docs", "/healthz", "/shared/")
AT_THE_DOOR = {"/login", "/logout", "/join", "/people"}
"""Our own routes of these names come before those of Gradio; a test below looks whose answer it is."""

DANGEROUS = ("upload", "file", "proxy", "vibe", "reload", "component", "stream", "call", "api/", "login", "monitoring")


def test_the_list_is_whole(app: FastAPI) -> None:
    found = {str(way) for way in ways_into(app)}
    assert {"GET /healthz", "POST /api/v1/jobs", "GET /api/v1/images/{image_id}/file", "GET /"} <= found
    assert {"POST /gradio_api/upload", "POST /gradio_api/vibe-code", "GET /docs/static/{path}"} <= found


def test_no_other_way_is_open_than_the_studio_s_own_and_those_of_the_page(app: FastAPI) -> None:
    opened = {way.template for way in ways_into(app) if is_open(way.path)}
    assert {path for path in opened if not path.startswith(OF_THE_STUDIO)} <= OPEN_TO_THE_PAGE | AT_THE_DOOR


def test_all_other_ways_of_gradio_are_closed(app: FastAPI, client: TestClient) -> None:
    closed = [way for way in ways_into(app) if not is_open(way.path)]
    for word in DANGEROUS:
        assert any(word in way.template for way in closed), word
    for way in closed:
        answer = client.request(way.method, way.path)
        assert (answer.status_code, answer.headers.get("content-type")) == (404, "application/json"), str(way)


def test_the_pages_at_the_door_are_ours(client: TestClient) -> None:
    for path in AT_THE_DOOR:
        answer = client.get(path)
        assert answer.status_code == 303 or "· Latent Studio" in answer.text, path


def test_nothing_of_the_studio_is_closed_by_mistake(app: FastAPI) -> None:
    """A new beginning of a path must be named in ``studio/door/paths.py``."""
    closed = {way.template for way in ways_into(app) if not is_open(way.path)}
    assert {path for path in closed if path.startswith(OF_THE_STUDIO)} == {"/docs/oauth2-redirect"}


def test_there_is_no_websocket_and_none_gets_in(app: FastAPI, client: TestClient) -> None:
    assert not [way for way in ways_into(app) if way.method == "WEBSOCKET"]
    for path in ("/", "/api/v1/events", "/gradio_api/queue/join"):
        try:
            with client.websocket_connect(path):
                raise AssertionError(f"a websocket got in at {path}")
        except Exception as error:
            assert getattr(error, "code", None) == 1008, error
