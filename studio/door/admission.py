"""Who gets in: once there are accounts, nobody whom the studio does not know, except to log in or to ask how it is.

The caller travels on in the request's scope, for routes and the page's actions alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

from starlette.types import Scope

from studio.accounts import Accounts, Caller
from studio.door.origins import SAFE_METHODS, is_from_here
from studio.errors import LoginNeeded, Refused

CALLER = "studio.caller"
"""Under this name the caller stands in the request's scope."""

PUBLIC = frozenset({"/healthz", "/login", "/join"})


SHARED = "/shared/"
"""Links to one picture: what opens them stands in the address itself."""


def is_public(path: str) -> bool:
    """Whether ``path`` answers whoever comes."""
    return path in PUBLIC or path.startswith(SHARED)


def address_of(scope: Scope) -> str:
    """The address a request comes from, for limits."""
    client = scope.get("client")
    return str(client[0]) if client else "nowhere"


def admit(accounts: Accounts, scope: Scope, headers: Mapping[str, str]) -> Caller | None:
    """Who asks; ``None`` where that does not matter and nobody is known.

    Raises:
        LoginNeeded: they must be known here, and are not.
        Refused: a session, or a way in for browsers, that no page of this studio was used for.
        TooManyTries: too much was guessed from there.
    """
    cookie = _session_in(headers.get("cookie", ""), accounts.cookie)
    public = is_public(scope["path"])
    caller = accounts.caller(cookie, None if public else headers.get("authorization"), address_of(scope))
    if public:
        if scope["method"] not in SAFE_METHODS and not is_from_here(headers):
            raise Refused("Coming in by this form takes a browser. Programs use an API key: Authorization: Bearer KEY.")
        return caller
    if caller is None:
        raise LoginNeeded("Log in first: with name and password at /login, or by an API key.")
    if caller.proof == "session" and scope["method"] not in SAFE_METHODS and not is_from_here(headers):
        raise Refused("A session is good in the browser only. Programs use an API key: Authorization: Bearer KEY.")
    return caller


def wants_a_page(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a person waits for a document, and is better off at the login than with JSON."""
    return method == "GET" and "text/html" in headers.get("accept", "")


def _session_in(cookies: str, name: str) -> str | None:
    try:
        found = SimpleCookie(cookies).get(name)
    except CookieError:
        return None
    return found.value if found else None
