"""A port that speaks TLS, and tells whoever comes there by plain HTTP what to do instead of hanging up.

Typed without ``https://``, an address with a port leads browsers to plain HTTP first; without an answer all they could
say is that the studio sent nothing. The first byte tells the two apart, and is only looked at, not taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import socket
import ssl
from collections.abc import Callable, Coroutine
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Any

import uvicorn

from studio.errors import StudioError
from studio.network.certificates import Certificate
from studio.network.names import host_of

log = logging.getLogger(__name__)

TLS_HANDSHAKE = 0x16
"""The content type with which every TLS connection begins (RFC 8446, section 5.1)."""

GREETING_S = 20.0
MOST_GREETED = 256
"""Connections that have not said anything yet; more wait until one of them does or its time is over."""

MOST_HEAD_BYTES = 16_384
LOOKED_AT_EVERY_S = 3600.0
_TARGET = re.compile(r"/[\x21-\x7e]*")

USE_TLS = "This studio speaks TLS: write https:// in front of its address."

MakeProtocol = Callable[[], asyncio.Protocol]


class SecureServer(uvicorn.Server):
    """A uvicorn server behind ``certificate``, which is looked at every hour and loaded anew when it has changed."""

    def __init__(self, config: uvicorn.Config, certificate: Certificate) -> None:
        super().__init__(config)
        self._certificate = certificate

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve ``sockets`` as uvicorn does, through a reception each."""
        await super().startup(sockets=[])
        context = self._certificate.context()

        def make_protocol() -> asyncio.Protocol:
            protocol = self.config.http_protocol_class
            made: asyncio.Protocol = protocol(  # type: ignore[call-arg]
                config=self.config, server_state=self.server_state, app_state=self.lifespan.state
            )
            return made

        receptions = [Reception(listener, context, make_protocol) for listener in sockets or ()]
        self.servers = receptions  # type: ignore[assignment]  # closed and waited for as those are
        if receptions:
            receptions[0].add(self._keep_fresh(context))

    async def _keep_fresh(self, context: ssl.SSLContext) -> None:
        shown = self._changed_at()
        while True:
            await asyncio.sleep(LOOKED_AT_EVERY_S)
            try:
                await asyncio.to_thread(self._certificate.renew)
                if self._changed_at() != shown:
                    self._certificate.load(context)
                    shown = self._changed_at()
                    log.info("The certificate %s was loaded anew.", self._certificate.file)
            except StudioError as error:
                log.warning("%s The one of before is still shown.", error)

    def _changed_at(self) -> float:
        try:
            return self._certificate.file.stat().st_mtime
        except OSError:
            return 0.0


class Reception:
    """Takes connections from ``listener`` and hands those that speak TLS on."""

    def __init__(self, listener: socket.socket, context: ssl.SSLContext, make_protocol: MakeProtocol) -> None:
        self._listener, self._context, self._make_protocol = listener, context, make_protocol
        self._room = asyncio.Semaphore(MOST_GREETED)
        self._tasks: set[asyncio.Task[None]] = set()
        listener.listen(2048)
        listener.setblocking(False)
        self.add(self._receive())

    def add(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something until the reception closes."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Take no more connections."""
        for task in self._tasks:
            task.cancel()

    async def wait_closed(self) -> None:
        """Until nothing is being received any more."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _receive(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._room.acquire()
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError as error:  # too many files are open, say: those that wait are taken later
                log.warning("A connection could not be taken: %s", error)
                self._room.release()
                await asyncio.sleep(1)
                continue
            self.add(self._greet(connection))

    async def _greet(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        handed_on = False
        try:
            first = await asyncio.wait_for(_first_byte(connection), GREETING_S)
            if first == TLS_HANDSHAKE:
                handed_on = True
                loop = asyncio.get_running_loop()
                await loop.connect_accepted_socket(
                    self._make_protocol, connection, ssl=self._context, ssl_handshake_timeout=GREETING_S
                )
            elif first is not None:
                await asyncio.wait_for(_point_on(connection), GREETING_S)
        except (OSError, asyncio.TimeoutError) as error:  # a stranger's certificate error is an OSError too
            log.debug("A connection ended before it began: %s", error)
        finally:
            self._room.release()
            if not handed_on:
                connection.close()


async def _first_byte(connection: socket.socket) -> int | None:
    """The first byte that comes, left where it is; ``None`` when the other side hangs up."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    try:
        loop.add_reader(connection, _done, ready)
    except NotImplementedError:  # the loop of Windows cannot look without taking
        return TLS_HANDSHAKE
    try:
        await ready
    finally:
        loop.remove_reader(connection)
    byte = connection.recv(1, socket.MSG_PEEK)
    return byte[0] if byte else None


def _done(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


async def _point_on(connection: socket.socket) -> None:
    """Answer plain HTTP: a page that was only looked for is found by TLS; anything else is refused in words."""
    loop = asyncio.get_running_loop()
    head = b""
    while b"\r\n\r\n" not in head and len(head) < MOST_HEAD_BYTES:
        part = await loop.sock_recv(connection, 4096)
        if not part:
            break
        head += part
    await loop.sock_sendall(connection, plain_answer(head))
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


def plain_answer(head: bytes) -> bytes:
    """What plain HTTP is answered. Whoever sent a key or a body must notice that both travelled in the clear."""
    line, _, rest = head.partition(b"\r\n")
    method, _, target = line.decode("latin-1").rpartition(" ")[0].partition(" ")
    headers: Message = BytesHeaderParser().parsebytes(rest)
    host = str(headers.get("host", ""))
    if method in ("GET", "HEAD") and not headers.get("authorization") and host_of(host) and _TARGET.fullmatch(target):
        return _answer("308 Permanent Redirect", "", f"Location: https://{host}{target}\r\n")
    body = json.dumps({"error": {"code": "refused", "message": USE_TLS}})
    return _answer("400 Bad Request", body, "Content-Type: application/json\r\n")


def _answer(status: str, body: str, headers: str) -> bytes:
    return (
        f"HTTP/1.1 {status}\r\n{headers}Cache-Control: no-store\r\nContent-Length: {len(body)}\r\n"
        f"Connection: close\r\n\r\n{body}"
    ).encode()
