"""The middleware itself: asks `hosts`, `paths`, `origins` and `bodies` in turn, and answers for them what they refuse.

It is plain ASGI, so that event streams and files pass through it piece by piece. The studio has no websockets, and
none gets in.
"""

from __future__ import annotations

import asyncio
import contextlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.accounts import Accounts
from studio.api.errors import Answer, error_body
from studio.door.admission import CALLER, admit, wants_a_page
from studio.door.bodies import BodyTooLong, Measured, check_length, too_large
from studio.door.headers import guard
from studio.door.hosts import check_host
from studio.door.origins import check_origin
from studio.door.paths import is_for_programs, is_open
from studio.door.rules import Rules
from studio.errors import LoginNeeded, NotFound, Refused, StudioError, TooManyTries

POLICY_VIOLATION = 1008
"""The code of RFC 6455 with which a websocket is refused."""


class Door:
    """Guards ``app`` by ``rules``, and lets in whom ``accounts`` knows."""

    def __init__(self, app: ASGIApp, rules: Rules, accounts: Accounts) -> None:
        self.app = app
        self.rules = rules
        self.accounts = accounts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._visit(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})

    async def _visit(self, scope: Scope, receive: Receive, send: Send) -> None:
        guarded = _Guarded(scope["path"], self.rules.always_tls, send)
        try:
            self._check(scope)
            scope[CALLER] = await asyncio.to_thread(admit, self.accounts, scope, Headers(scope=scope))
        except StudioError as refusal:
            await _refuse(refusal, scope, receive, guarded)
            return
        most_bytes = self.rules.most_bytes(scope["path"])
        measured = Measured(receive, most_bytes)
        answer = _Answering(measured, guarded)
        with contextlib.suppress(BodyTooLong):  # where nobody behind the door made an answer of it
            await self.app(scope, measured, answer)
        if measured.is_too_long and not answer.begun:
            await _refuse(too_large(scope["path"], most_bytes), scope, receive, guarded)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) > 1:
            raise Refused("The request names several hosts.")
        check_host(hosts[0] if hosts else None, self.rules.names, self.rules.any_address)
        check_origin(scope["method"], headers)
        if not is_open(scope["path"]):
            raise NotFound("There is nothing at this address. /docs lists the routes there are.")
        check_length(scope["path"], headers.get("content-length"), self.rules.most_bytes(scope["path"]))


class _Guarded:
    """Sends answers with the headers that all have."""

    def __init__(self, path: str, always_tls: bool, send: Send) -> None:
        self._path = path
        self._always_tls = always_tls
        self._send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            guard(MutableHeaders(scope=message), self._path, always_tls=self._always_tls)
        await self._send(message)


class _Answering:
    """Sends the app's answer, unless its request turned out too long before the answer began.

    Routes make a 400 of a body that breaks off; the person should read that it was too large.
    """

    def __init__(self, measured: Measured, send: Send) -> None:
        self._measured = measured
        self._send = send
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if self._measured.is_too_long and not self.begun:
            return
        self.begun = True
        await self._send(message)


async def _refuse(refusal: StudioError, scope: Scope, receive: Receive, send: Send) -> None:
    if isinstance(refusal, LoginNeeded) and wants_a_page(scope["method"], Headers(scope=scope)):
        await RedirectResponse("/login", 303, {"Cache-Control": "no-store"})(scope, receive, send)
        return
    headers = {"Cache-Control": "no-store"}
    if isinstance(refusal, LoginNeeded):
        kind = "Basic" if is_for_programs(scope["path"]) else "Bearer"
        headers["WWW-Authenticate"] = f'{kind} realm="Latent Studio"'
    if isinstance(refusal, TooManyTries):
        headers["Retry-After"] = str(refusal.retry_after_s)
    body = error_body(refusal)
    if is_for_programs(scope["path"]):
        body |= {"detail": str(refusal), "body": "", "errors": str(refusal)}
    answer = Answer(body, status_code=refusal.http_status, headers=headers)
    await answer(scope, receive, send)
