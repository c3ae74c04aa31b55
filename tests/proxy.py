"""A small TCP proxy that breaks things on purpose: it cuts what is open, or holds back what comes by event streams."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Proxy:
    """Forwards connections to ``port`` of this machine; ``address`` is where it listens."""

    port: int
    holds_events_back: bool = False
    cuts: int = 0
    _listener: socket.socket = field(init=False)
    _open: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """Break every open connection off, in the middle of whatever it carries."""
        with self._lock:
            breaking, self._open = self._open, set()
        for one in breaking:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self.cuts += 1

    def cut_at_random(self, times: int, within_s: tuple[float, float], seed: int) -> threading.Thread:
        """Cut so many times, at random moments, beside whatever happens meanwhile."""
        moments = random.Random(seed)

        def cutting() -> None:
            for _ in range(times):
                time.sleep(moments.uniform(*within_s))
                self.cut()

        thread = threading.Thread(target=cutting, daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self.port))
        except OSError:
            client.close()
            return
        held = threading.Event()
        with self._lock:
            self._open |= {client, server}
        ways = [
            threading.Thread(target=self._carry, args=(client, server, held, True), daemon=True),
            threading.Thread(target=self._carry, args=(server, client, held, False), daemon=True),
        ]
        for way in ways:
            way.start()
        for way in ways:
            way.join()
        with self._lock:
            self._open -= {client, server}
        client.close()
        server.close()

    def _carry(self, source: socket.socket, target: socket.socket, held: threading.Event, is_asking: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if is_asking and self.holds_events_back and b"/events " in data.split(b"\r\n", 1)[0]:
                    held.set()
                if is_asking or not held.is_set():
                    target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def proxy_to(address: str, *, holds_events_back: bool = False) -> Iterator[Proxy]:
    """A proxy in front of the server at ``address``, until the block ends."""
    proxy = Proxy(urlsplit(address).port or 80, holds_events_back)
    try:
        yield proxy
    finally:
        proxy.close()
