"""Coming in and going out: the pages ``/login``, ``/join`` and ``/logout``, and the session's cookie."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from studio.accounts import Person
from studio.accounts.secrets import SESSION_S
from studio.api.caller import StudioOf
from studio.door.admission import CALLER, address_of
from studio.door.html import escaped, page, said
from studio.errors import StudioError

router = APIRouter(include_in_schema=False)

Typed = Annotated[str, Form(max_length=400)]


@router.get("/login")
def login_page(request: Request, studio: StudioOf) -> Response:
    """Name and password; whoever is in already goes on to the page."""
    if request.scope.get(CALLER) is not None:
        return RedirectResponse("/", 303)
    return _login()


@router.post("/login")
async def log_in(request: Request, studio: StudioOf, name: Typed = "", password: Typed = "") -> Response:
    """Begin a session."""
    return await _enter(
        request,
        lambda: studio.accounts.log_in(name, password, address_of(request.scope)),
        lambda m, s: _login(m, name, s),
    )


@router.get("/join")
def join_page(invitation: str = Query("", max_length=200)) -> Response:
    """A name to be called by; the link brings the invitation, or a PIN is typed."""
    return _join(invitation)


@router.post("/join")
async def join(request: Request, studio: StudioOf, invitation: Typed = "", name: Typed = "") -> Response:
    """Come in as a guest."""
    return await _enter(
        request,
        lambda: studio.accounts.join(invitation, name, address_of(request.scope)),
        lambda m, s: _join(invitation, m, name, s),
    )


@router.get("/people")
def people() -> Response:
    """Where people were looked after once; it is a part of the page now."""
    return RedirectResponse("/#/settings", 303)


@router.get("/logout")
def logout_page() -> Response:
    """Ask first: a link must not end a session."""
    return page("Log out", '<form method="post" action="/logout"><button>Log out</button></form>', small=True)


@router.post("/logout")
def log_out(request: Request) -> Response:
    """End the session of this browser."""
    # what the page keeps in the browser is theirs; over plain HTTP browsers ignore this, and the page clears up itself
    answer = RedirectResponse("/login", 303, {"Clear-Site-Data": '"storage"'})
    answer.delete_cookie(request.app.state.studio.accounts.cookie, path="/")
    return answer


async def _enter(request: Request, prove: Callable[[], Person], again: Callable[[str, int], Response]) -> Response:
    try:
        person = await asyncio.to_thread(prove)
    except StudioError as error:
        return again(str(error), error.http_status)
    accounts = request.app.state.studio.accounts
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        accounts.cookie,
        accounts.session_for(person),
        max_age=SESSION_S,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return answer


def _login(message: str = "", name: str = "", status: int = 200) -> Response:
    return page(
        "Log in",
        f'<h1>Latent Studio</h1><section><form method="post" action="/login">{said(message)}'
        f'<label>Name<input name="name" value="{escaped(name)}" autocomplete="username" required autofocus></label>'
        '<label>Password<input name="password" type="password" autocomplete="current-password" required></label>'
        '<button>Log in</button></form></section><p class="muted">Invited? <a href="/join">Come in with a PIN.</a></p>',
        small=True,
        status=status,
    )


def _join(code: str, message: str = "", name: str = "", status: int = 200) -> Response:
    brought = len(code) > 20
    kind = "hidden" if brought else "text"
    code_field = f'<input type="{kind}" name="invitation" value="{escaped(code)}" autocomplete="off" required>'
    return page(
        "Come in",
        f'<h1>You are invited</h1><section><form method="post" action="/join">{said(message)}'
        + (code_field if brought else f"<label>PIN{code_field}</label>")
        + f'<label>Your name<input name="name" value="{escaped(name)}" maxlength="40" required></label>'
        "<button>Come in</button></form></section>"
        '<p class="muted">You have an account? <a href="/login">Log in.</a></p>',
        small=True,
        status=status,
    )
