"""A hub on loopback that speaks the routes of Hugging Face's, and does wrong what a test wants it to."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


@dataclass
class FakeHub:
    """What the server holds, what it should do wrong, and what it was asked. ``pause_s`` is waited between pieces, and
    while it is, a download does not come to its end.

    Every repository holds ``ink.safetensors`` with ``content``, except those in ``repositories``, which hold the
    files named there: safetensors as large files, which lie elsewhere, and all others as git's own.
    """

    content: bytes = b""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    drops: int = 0
    lies: bool = False
    ignores_ranges: bool = False
    pause_s: float = 0.0
    address: str = ""
    ranges: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)


@contextlib.contextmanager
def served(fake: FakeHub) -> Iterator[FakeHub]:
    """``fake`` at ``fake.address`` until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(fake))
    fake.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def blob_hash(content: bytes) -> str:
    """By what git, and so the hub, knows a small file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _entry(path: str, content: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "path": path, "size": len(content), "oid": blob_hash(content)}
    if path.endswith(".safetensors"):
        entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
    return entry


def _place(path: str) -> tuple[str, str]:
    """``owner/name`` and the file of ``/owner/name/resolve/main/file``."""
    parts = unquote(path).split("/")[1:]
    return "/".join(parts[:2]), "/".join(parts[4:])


def _handler_of(fake: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_HEAD(self) -> None:
            fake.logins.append(self.headers.get("Authorization", ""))
            repository, inside = _place(self.path)
            if repository in fake.repositories:
                self._tell(repository, inside)
                return
            if "/gated/" in self.path or "ink" not in self.path:
                self.send_response(401 if "/gated/" in self.path else 404)
                self.end_headers()
                return
            self.send_response(302)  # as the hub sends large files elsewhere
            self.send_header("Location", f"{fake.address.replace('127.0.0.1', 'localhost')}/bytes/ink")
            self.send_header("X-Linked-Size", str(len(fake.content)))
            self.send_header("X-Linked-Etag", f'"{hashlib.sha256(fake.content).hexdigest()}"')
            self.send_header("X-Repo-Commit", "c" * 40)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _tell(self, repository: str, inside: str) -> None:
            content = fake.repositories[repository].get(inside)
            if content is None:
                self.send_response(404)
                self.end_headers()
                return
            is_large = inside.endswith(".safetensors")
            self.send_response(302 if is_large else 200)
            self.send_header("X-Repo-Commit", "c" * 40)
            if is_large:
                elsewhere = fake.address.replace("127.0.0.1", "localhost")
                self.send_header("Location", f"{elsewhere}/bytes/{repository}/{inside}")
                self.send_header("X-Linked-Size", str(len(content)))
                self.send_header("X-Linked-Etag", f'"{hashlib.sha256(content).hexdigest()}"')
                self.send_header("Content-Length", "0")
            else:
                self.send_header("ETag", f'"{blob_hash(content)}"')
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET" and not is_large:
                fake.fetched.append(inside)
                self.wfile.write(content)

        def do_GET(self) -> None:
            listed = re.match(r"/api/models/([^/]+/[^/]+)/tree/", self.path)
            if listed and listed[1] in fake.repositories:
                self._send_json([_entry(path, data) for path, data in fake.repositories[listed[1]].items()])
            elif self.path.startswith("/api/models/"):
                names = ["ink.safetensors", "inkier.safetensors"] if "/several/" in self.path else ["ink.safetensors"]
                entries = [{"path": name, "size": len(fake.content)} for name in names]
                self._send_json([*entries, {"path": "README.md", "size": 1}])
            elif not self.path.startswith("/bytes/"):
                self.do_HEAD()
            else:
                self._send_bytes()

        def _send_json(self, value: object) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _send_bytes(self) -> None:
            _, owner, name, *inside = self.path.split("/")[1:] if self.path.count("/") > 3 else ("", "", "")
            content = fake.repositories[f"{owner}/{name}"]["/".join(inside)] if inside else fake.content
            fake.fetched.append("/".join(inside))
            assert not self.headers.get("Authorization"), "a token may not travel to another host"
            asked = self.headers.get("Range", "")
            fake.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and not fake.ignores_ranges else 0
            body = content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if fake.lies:
                body = body[:-1] + bytes([body[-1] ^ 1])
            if fake.drops:
                fake.drops -= 1
                body = body[: len(body) // 3]
            at, twentieth = 0, max(len(body) // 20, 1)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                while at < len(body):
                    slow = twentieth if at < len(body) // 2 else 1  # it does not end before the pauses do
                    piece = body[at : at + slow] if fake.pause_s else body[at:]
                    self.wfile.write(piece)
                    at += len(piece)
                    threading.Event().wait(fake.pause_s)

    return Handler
