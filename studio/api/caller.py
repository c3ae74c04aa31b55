"""Who asks, and which studio they ask: the two things every route depends on."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from studio.accounts import LOCAL, Caller
from studio.errors import LoginNeeded
from studio.services import Studio


def studio_of(request: Request) -> Studio:
    """The studio that serves this app."""
    studio: Studio = request.app.state.studio
    return studio


def caller_of(request: Request) -> Caller:
    """Whoever the door let in. Raises `LoginNeeded` for a request that came round it while there are accounts."""
    caller = request.scope.get("studio.caller")
    if isinstance(caller, Caller):
        return caller
    if studio_of(request).accounts.people.exist():
        raise LoginNeeded("Log in first.")
    return LOCAL


def owner_of(request: Request) -> str:
    """The id of the person asking, to whom what they make belongs."""
    return caller_of(request).owner


StudioOf = Annotated[Studio, Depends(studio_of)]
CallerOf = Annotated[Caller, Depends(caller_of)]
OwnerOf = Annotated[str, Depends(owner_of)]
