"""Where a request is served: the studio, whose it is, the requests under way, and whether anybody still waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from studio.api.caller import OwnerOf, StudioOf
from studio.sdapi.errands import Errands
from studio.services import Studio


@dataclass(frozen=True)
class Desk:
    """What every route works with. ``owner`` is whoever asks; nothing here concerns anybody else."""

    studio: Studio
    owner: str
    errands: Errands
    request: Request


def desk_of(request: Request, studio: StudioOf, owner: OwnerOf) -> Desk:
    """The desk of a request."""
    errands: Errands = request.app.state.errands
    return Desk(studio, owner, errands, request)


DeskOf = Annotated[Desk, Depends(desk_of)]
