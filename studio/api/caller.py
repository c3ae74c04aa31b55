"""Who asks, and which studio they ask: the two things every route depends on."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from fastapi import Depends, Request

from studio.accounts import LOCAL, Caller
from studio.errors import LoginNeeded, Refused
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
    if studio_of(request).accounts.gate.is_shut:
        raise LoginNeeded("Log in first.")
    return LOCAL


def address_of(request: Request) -> str:
    """The address a request comes from, for limits."""
    return request.client.host if request.client else "nowhere"


def owner_of(request: Request) -> str:
    """The id of the person asking, to whom what they make belongs."""
    return caller_of(request).owner


def keeps_models(request: Request) -> bool:
    """Whether somebody may get models and change what all share of them: admins, and without accounts only who sits at
    the machine, because then nobody is told apart from whoever reaches it over the network.
    """
    caller = caller_of(request)
    return caller.role == "admin" and (caller.proof != "none" or _is_here(request))


def keeper_of(request: Request) -> Caller:
    """The caller, who keeps the models. Raises `Refused` for everybody else."""
    if not keeps_models(request):
        raise Refused(
            "Only an admin may get models, write on their cards or unload them; or the person at the machine, where "
            "there are no accounts."
        )
    return caller_of(request)


def _is_here(request: Request) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


StudioOf = Annotated[Studio, Depends(studio_of)]
CallerOf = Annotated[Caller, Depends(caller_of)]
OwnerOf = Annotated[str, Depends(owner_of)]
KeeperOf = Annotated[Caller, Depends(keeper_of)]
