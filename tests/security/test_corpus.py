"""What attackers send, to every way there is: traversal, rebinding, other sites, too much. It gets 4xx and no file."""

from __future__ import annotations

import resource
import struct
import time
import zlib

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from studio.services import Studio
from tests.security.routes import Way, ways_into

TRAVERSAL = (
    "/etc/passwd", "../studio.db", "../../../../etc/passwd", "..%2f..%2fstudio.db", "%2e%2e/%2e%2e/etc/passwd",
    "%252e%252e%252fstudio.db", "..%5c..%5cstudio.db", "....//....//etc/passwd", "%2fetc%2fpasswd",
    "C:%5cWindows%5cwin.ini",
    "%5c%5c10.0.0.1%5cshare%5cx", "//10.0.0.1/share/x", "file:%2f%2f%2fetc%2fpasswd", "http:%2f%2f169.254.169.254%2f",
    "..%00/etc/passwd", "a%00.png", "..;/studio.db", "%c0%ae%c0%ae/etc/passwd",
)  # fmt: skip

ELSEWHERE: tuple[dict[str, str], ...] = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:8000"},
    {"Origin": "http://localhost:7860.evil.example"},
    {"Origin": "file://"},
    {"Origin": "http://[", "Sec-Fetch-Site": "same-origin"},
)

WRONG_HOSTS = (
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "192.168.1.5:7860",
    "",
    "local host",
    "a@localhost",
)


@pytest.fixture(scope="module")
def ways(app: FastAPI) -> list[Way]:
    return [way for way in ways_into(app) if way.method != "WEBSOCKET"]


def is_4xx(status: int) -> bool:
    return 400 <= status < 500


@pytest.mark.parametrize("payload", TRAVERSAL)
def test_no_path_leads_to_a_file_of_the_machine(
    client: TestClient, ways: list[Way], payload: str, studio: Studio
) -> None:
    tried = 0
    for way in ways:
        head, brace, _ = way.template.partition("{")
        if way.method in ("GET", "HEAD") and (brace or way.template == "/"):
            answer = client.request(way.method, f"{head}{payload}" if brace else f"/{payload.lstrip('/')}")
            assert is_4xx(answer.status_code), (str(way), payload, answer.status_code)
            assert b"root:" not in answer.content and b"SQLite" not in answer.content
            tried += 1
    assert tried > 20


@pytest.mark.parametrize("host", WRONG_HOSTS)
def test_no_other_name_is_answered(client: TestClient, ways: list[Way], host: str) -> None:
    for way in ways:
        answer = client.request(way.method, way.path, headers={"Host": host})
        assert is_4xx(answer.status_code), (str(way), answer.status_code)
        assert answer.json()["error"]["code"] == "refused" if way.method != "HEAD" else True


@pytest.mark.parametrize("headers", ELSEWHERE, ids=str)
def test_no_page_of_another_site_gets_anything(client: TestClient, ways: list[Way], headers: dict[str, str]) -> None:
    for way in ways:
        answer = client.request(way.method, way.path, headers=headers)
        assert answer.status_code == 403, (str(way), answer.status_code)
        assert "access-control-allow-origin" not in answer.headers
        preflight = {**headers, "Access-Control-Request-Method": way.method}
        assert client.options(way.path, headers=preflight).status_code == 403, str(way)


def test_a_link_from_another_site_opens_the_page_and_posts_nothing(client: TestClient) -> None:
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert client.get("/", headers=followed).status_code == 200
    assert client.post("/api/v1/images/empty-bin", headers=followed).status_code == 403


def test_the_page_itself_and_programs_are_let_through(client: TestClient) -> None:
    own = {"Origin": "http://localhost:7860", "Sec-Fetch-Site": "same-origin"}
    for headers in (own, {"Origin": "http://localhost:7860"}, {}):
        assert client.post("/api/v1/prompts/count", json={"text": "a cat"}, headers=headers).status_code == 200


@pytest.mark.parametrize("length", ["told", "not told"])
def test_no_route_takes_more_than_it_may(app: FastAPI, client: TestClient, ways: list[Way], length: str) -> None:
    much = b'{"x": "' + b"x" * 8_200_000
    parts = [much[start : start + 1_000_000] for start in range(0, len(much), 1_000_000)]
    for way in ways:
        if way.method in ("POST", "PUT", "PATCH") and way.path.startswith(("/api/", "/sdapi/", "/gradio_api/run/")):
            body = much if length == "told" else iter(parts)
            answer = client.request(way.method, way.path, content=body, headers={"content-type": "application/json"})
            if length == "not told":
                operation = app.openapi()["paths"].get(way.template, {}).get(way.method.lower(), {"requestBody": {}})
                reads = "requestBody" in operation
                assert is_4xx(answer.status_code) or not reads, (str(way), answer.status_code)
            else:
                assert answer.status_code in (404, 413), (str(way), answer.status_code)


@pytest.mark.parametrize("length", ["-1", "1e9", "9" * 30, "١"])
def test_a_length_that_is_none_is_refused(client: TestClient, length: str) -> None:
    answer = client.post("/api/v1/jobs", content=b"{}", headers={"Content-Length": length.encode()})  # type: ignore[dict-item]
    assert is_4xx(answer.status_code)


def test_every_answer_says_what_the_browser_may_do_with_it(client: TestClient) -> None:
    for path in ("/", "/docs", "/healthz", "/api/v1/jobs", "/api/v1/nothing", "/gradio_api/upload"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert ("script-src" in headers["content-security-policy"]) == (path in ("/", "/docs"))


def bomb() -> bytes:
    """The beginning of a PNG that claims 3.6 thousand million pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1000))
    chunks = (
        struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in (head, data, b"IEND")
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_every_route_that_takes_a_file_refuses_a_bomb_before_it_is_decoded(app: FastAPI, client: TestClient) -> None:
    taken = 0
    for path, operations in app.openapi()["paths"].items():
        content = operations.get("post", {}).get("requestBody", {}).get("content", {})
        if "application/octet-stream" in content and "{" not in path:
            began, before = time.monotonic(), peak_bytes()
            answer = client.post(path, content=bomb(), headers={"content-type": "application/octet-stream"})
            assert is_4xx(answer.status_code) or not answer.json().get("recipe"), (path, answer.text[:300])
            assert peak_bytes() - before < 50_000_000 and time.monotonic() - began < 10, path
            taken += 1
    assert taken >= 2


def peak_bytes() -> int:
    """Most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
