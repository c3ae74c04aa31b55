"""Our OpenAPI: complete, with examples that work; and whatever Schemathesis makes of it ends in no 5xx."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from studio.api.openapi import BODIES
from tests.servers import Server, running_server

ENDLESS = ("/api/v1/events",)
OFFLINE = ("/api/v1/models/hub", "/api/v1/models/arrivals")
"""They ask another machine, which is forbidden here, and then a 503 is the right answer."""
EXAMPLES = 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, toy_models: Path) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("openapi") / "home"
    with running_server(home, "--models", str(toy_models)) as server:
        server.wait_until_ready()
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture
def described(client: httpx.Client) -> dict[str, Any]:
    schema: dict[str, Any] = client.get("/api/v1/openapi.json").json()
    return schema


def test_every_operation_is_described_and_shows_its_body(described: dict[str, Any]) -> None:
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            assert operation.get("summary") and operation.get("description"), f"{method} {path}"
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body is not None and path.startswith("/api/v1"):
                name = body["schema"].get("$ref", "").rpartition("/")[2]
                examples = described["components"]["schemas"].get(name, {}).get("examples")
                assert "example" in body or examples, f"{method} {path} shows no body"
            if path.startswith("/api/v1"):
                refused = operation["responses"]["4XX"]["content"]["application/json"]["schema"]
                assert refused == {"$ref": "#/components/schemas/Error"}


@pytest.mark.parametrize("path", [path for method, path in BODIES if "{" not in path and "/images/" not in path])
def test_the_examples_work(client: httpx.Client, path: str) -> None:
    assert client.post(path, json=BODIES["post", path]).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/v1/nothing", 404), ("PUT", "/api/v1/jobs", 405), ("GET", "/api/v1/images?limit=0", 422)],
)
def test_every_refusal_is_json_that_says_what_to_change(
    client: httpx.Client, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path)
    error = answer.json()["error"]
    assert error["code"] and ("/docs" in error["message"] or "field" in error)
    assert answer.status_code == status
    assert status != 405 or answer.headers["allow"] == "GET, POST"


def test_half_a_surrogate_pair_is_refused_like_anything_else(client: httpx.Client) -> None:
    for name in ("checkpoint", "sampler", "prompt", "nothing"):
        body = f'{{"recipe": {{"{name}": "\\ud800"}}}}'
        answer = client.post("/api/v1/jobs", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 422 and answer.json()["error"]["message"]


def shorten(case: Any) -> None:
    """Let orders that answer when their pictures are made be small ones, where they can be made at all."""
    if case.path.startswith("/sdapi/") and isinstance(case.body, dict):
        for name, most in {"steps": 2, "batch_size": 2, "n_iter": 2, "width": 64, "height": 64}.items():
            value = case.body.get(name, most)
            if isinstance(value, int | float) and value > most:
                case.body[name] = most
        if case.path.endswith("2img"):
            case.body.setdefault("steps", 2)


def test_schemathesis_finds_no_5xx(server: Server) -> None:
    schema = schemathesis.openapi.from_url(f"{server.address}/api/v1/openapi.json")
    found: list[str] = []
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path in ENDLESS:
            continue

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            shorten(case)
            answer = case.call(timeout=20)
            if answer.status_code == 503 and case.path in OFFLINE:
                assert answer.json()["error"]["code"] == "offline"
            elif answer.status_code >= 500:
                found.append(f"{answer.status_code} {case.method} {case.formatted_path} {answer.text[:300]}")
            elif answer.status_code >= 400 and case.path.startswith(("/api", "/sdapi")):
                assert answer.json(), "an error without JSON"

        ask()
    assert found == []
    assert asked > 100
