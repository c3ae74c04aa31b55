"""Who asks, and which studio they ask: the two things every route depends on."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from studio.services import LOCAL_OWNER, Studio


def studio_of(request: Request) -> Studio:
    """The studio that serves this app."""
    studio: Studio = request.app.state.studio
    return studio


def owner_of(request: Request) -> str:
    """The id of the person asking: the one local owner, until there are accounts."""
    return LOCAL_OWNER


StudioOf = Annotated[Studio, Depends(studio_of)]
OwnerOf = Annotated[str, Depends(owner_of)]
