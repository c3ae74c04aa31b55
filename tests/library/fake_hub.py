"""A hub on loopback that speaks the routes of Hugging Face's, and does wrong what a test wants it to."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FakeHub:
    """What the server holds, what it should do wrong, and what it was asked. ``pause_s`` is waited between pieces."""

    content: bytes
    drops: int = 0
    lies: bool = False
    ignores_ranges: bool = False
    pause_s: float = 0.0
    address: str = ""
    ranges: list[str] = field(default_factory=list)
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


def _handler_of(fake: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_HEAD(self) -> None:
            fake.logins.append(self.headers.get("Authorization", ""))
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

        def do_GET(self) -> None:
            if self.path.startswith("/api/models/"):
                names = ["ink.safetensors", "inkier.safetensors"] if "/several/" in self.path else ["ink.safetensors"]
                entries = [{"path": name, "size": len(fake.content)} for name in names]
                body = json.dumps([*entries, {"path": "README.md", "size": 1}]).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            elif not self.path.startswith("/bytes/"):
                self.do_HEAD()
            else:
                self._send_bytes()

        def _send_bytes(self) -> None:
            assert not self.headers.get("Authorization"), "a token may not travel to another host"
            asked = self.headers.get("Range", "")
            fake.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and not fake.ignores_ranges else 0
            body = fake.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if fake.lies:
                body = body[:-1] + bytes([body[-1] ^ 1])
            if fake.drops:
                fake.drops -= 1
                body = body[: len(body) // 3]
            piece = max(len(body) // 20, 1) if fake.pause_s else len(body)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for at in range(0, len(body), piece):
                    self.wfile.write(body[at : at + piece])
                    threading.Event().wait(fake.pause_s)

    return Handler
