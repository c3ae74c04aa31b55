"""The page ``/people``: one's own account and keys, and for admins everybody, with invitations to share.

Plain forms without a script; each posts to this address with what is to be done in the field ``do``.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

import segno
from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from studio.accounts import Accounts, Caller
from studio.api.caller import CallerOf, StudioOf
from studio.api.people import known, require_admin
from studio.door.html import escaped, page, said
from studio.errors import InvalidField, StudioError
from studio.services import Studio

router = APIRouter(include_in_schema=False)

Typed = Annotated[str, Form(max_length=400)]

ALONE = (
    "<p>Nobody has an account: this studio belongs to whoever sits at this machine. To share it, make the first one "
    "in a terminal: <code>studio users add NAME --role admin</code></p>"
)


@router.get("/people")
def people_page(request: Request, studio: StudioOf, caller: CallerOf) -> Response:
    """Who is here, as far as it is the caller's business."""
    return _page(studio, caller)


@router.post("/people")
async def change_people(
    request: Request, studio: StudioOf, caller: CallerOf, do: Typed = "", name: Typed = "", role: Typed = "member",
    password: Typed = "", hours: Typed = "24",
) -> Response:  # fmt: skip
    """Do what a form of this page asks for."""
    try:
        news = await asyncio.to_thread(
            _do, studio.accounts, caller, do, name, role, password, hours, str(request.base_url).rstrip("/")
        )
    except StudioError as error:
        return _page(studio, caller, said(str(error)), error.http_status)
    return _page(studio, caller, news)


def _do(
    accounts: Accounts, caller: Caller, do: str, name: str, role: str, password: str, hours: str, address: str
) -> str:
    """Do it, and tell in HTML what a person must see now."""
    known(caller)
    if do == "key":
        key = accounts.keys.make(caller.owner, name)
        return f"<section><h2>Your new key</h2><p>It is shown only now.</p><code>{escaped(key.secret)}</code></section>"
    if do == "forget-key":
        accounts.keys.remove(caller.owner, name)
        return ""
    if do == "password" and not name:
        accounts.set_password(caller.name, password)
        return "<p>Your password is changed. Log in again with the new one.</p>"
    require_admin(caller)
    if do == "add":
        accounts.add(name, role, password)
    elif do == "remove":
        accounts.remove(name)
    elif do == "password":
        accounts.set_password(name, password)
    elif do == "invite":
        return _invitation(accounts, hours, address)
    elif do == "withdraw":
        accounts.invitations.withdraw(name)
    else:
        raise InvalidField("do", "that is nothing this page does")
    return ""


def _invitation(accounts: Accounts, hours: str, address: str) -> str:
    try:
        made = accounts.invitations.make(float(hours))
    except ValueError:
        raise InvalidField("hours", "that is no number", "hours, such as 24") from None
    link = f"{address}/join?invitation={made.token}"
    code = segno.make(link, micro=False).svg_inline(scale=4, border=2)
    return (
        f'<section><h2>Come in</h2><div class="qr">{code}</div><p><code>{escaped(link)}</code></p>'
        f"<p>Or at <code>{escaped(address)}/join</code> with the PIN <strong>{made.pin[:4]} {made.pin[4:]}</strong>. "
        f"It is shown only now, and good until {made.expires_at:%d %B %H:%M} UTC.</p></section>"
    )


def _page(studio: Studio, caller: Caller, news: str = "", status: int = 200) -> Response:
    log_out = '<form method="post" action="/logout"><button class="quiet">Log out</button></form>'
    if caller.proof == "none":
        return page(
            "People", f'<nav><a href="/">Back to the studio</a></nav><h1>People</h1>{news}{ALONE}', status=status
        )
    parts = [f'<nav><a href="/">Back to the studio</a>{log_out}</nav><h1>{escaped(caller.name)}</h1>', news]
    if caller.role == "admin":
        parts += [_everybody(studio.accounts), _share(studio.accounts)]
    if caller.role != "guest":
        parts.append(_own(studio.accounts, caller))
    return page("People", "".join(parts), status=status)


def _everybody(accounts: Accounts) -> str:
    rows = "".join(
        f"<tr><td>{escaped(person.name)}</td><td>{person.role}</td>"
        f"<td>{_button('remove', person.name, 'Remove')}</td></tr>"
        for person in accounts.people.list()
    )
    return (
        f"<section><h2>People</h2><table>{rows}</table></section>"
        '<section><h2>Add somebody</h2><form method="post"><input type="hidden" name="do" value="add">'
        '<label>Name<input name="name" maxlength="40" required autocomplete="off"></label>'
        '<label>Password<input name="password" type="password" minlength="8" required autocomplete="new-password">'
        '</label><label>Role<select name="role"><option>member</option><option>guest</option><option>admin</option>'
        "</select></label><button>Add</button></form></section>"
    )


def _share(accounts: Accounts) -> str:
    rows = "".join(
        f"<tr><td>until {one.expires_at:%d %B %H:%M} UTC</td><td>{_button('withdraw', one.id, 'Withdraw')}</td></tr>"
        for one in accounts.invitations.list()
    )
    return (
        f"<section><h2>Share</h2><p>Guests come in by a link, a QR code or a PIN.</p><table>{rows}</table>"
        '<form method="post"><input type="hidden" name="do" value="invite">'
        '<label>Hours<input name="hours" type="number" min="1" max="744" value="24"></label>'
        "<button>Invite guests</button></form></section>"
    )


def _own(accounts: Accounts, caller: Caller) -> str:
    rows = "".join(
        f"<tr><td>{escaped(key.name)}</td><td>{_button('forget-key', key.id, 'Remove')}</td></tr>"
        for key in accounts.keys.list(caller.owner)
    )
    return (
        f'<section><h2>API keys</h2><table>{rows}</table><form method="post">'
        '<input type="hidden" name="do" value="key">'
        '<label>What for<input name="name" maxlength="80" required></label><button>Make a key</button></form></section>'
        '<section><h2>Password</h2><form method="post"><input type="hidden" name="do" value="password">'
        '<label>New password<input name="password" type="password" minlength="8" required '
        'autocomplete="new-password"></label><button>Change</button></form></section>'
    )


def _button(do: str, name: str, label: str) -> str:
    return (
        f'<form method="post"><input type="hidden" name="do" value="{do}">'
        f'<input type="hidden" name="name" value="{escaped(name)}">'
        f'<button class="quiet" aria-label="{label} {escaped(name)}">{label}</button></form>'
    )
