"""Sharing on purpose: the wall of the household, links to one picture, and by which addresses others come here."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from studio.api.caller import CallerOf, OwnerOf, StudioOf
from studio.api.images import FOREVER
from studio.api.people import require_admin
from studio.api.qr import qr_code
from studio.errors import Refused
from studio.network.addresses import links_to

router = APIRouter(tags=["sharing"])

FRESH = {**FOREVER, "Cache-Control": "private, no-cache"}
"""Taken down means gone: browsers ask each time whether they may show it again."""


class Hang(BaseModel):
    """A picture for the wall."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"image_id": "0123456789abcdef0123456789abcdef"}]}
    )

    image_id: str = Field(max_length=64, description="A picture of your own.")
    show_prompt: bool = Field(True, description="Whether others may read how it was made.")


class NewLink(BaseModel):
    """A link to a picture."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"image_id": "0123456789abcdef0123456789abcdef", "hours": 168}]},
    )

    image_id: str = Field(max_length=64, description="A picture of your own.")
    hours: float | None = Field(168, gt=0, le=24 * 366, description="How long it is good; null: until withdrawn.")
    show_prompt: bool = Field(False, description="Whether whoever has the link may read how it was made.")


@router.get("/sharing")
def how_shared(request: Request, studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """By which ``addresses`` others reach this studio, each with its QR code, and what is open.

    ``fingerprint`` is that of a certificate which the studio made itself.
    """
    server = request.scope.get("server") or (None, None)
    port = server[1] or studio.settings.port
    addresses = links_to(studio.settings.host, port, secure=studio.settings.speaks_tls)
    told: dict[str, Any] = {
        "addresses": [{"address": one, "qr": qr_code(one)} for one in addresses],
        "tls": studio.settings.speaks_tls,
        "fingerprint": studio.certificate_fingerprint(),
        "login": caller.proof != "none",
    }
    if caller.proof != "none" and caller.role == "admin":
        told |= {"invitations": len(studio.accounts.invitations.list()), "links": len(studio.links.list(None))}
    return told


@router.get("/wall")
def look_at_wall(
    studio: StudioOf, owner: OwnerOf, limit: int = Query(60, ge=1, le=500), offset: int = Query(0, ge=0, le=100_000)
) -> dict[str, Any]:
    """What hangs on the wall, newest first; ``prompt`` is null where it is hidden."""
    hangings, total = studio.wall.list(limit, offset)
    return {"pictures": [one.as_dict(owner) for one in hangings], "total": total}


@router.post("/wall", status_code=201)
def hang(body: Hang, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Hang a picture of yours on the wall. Doing it again changes whether its prompt is shown."""
    return studio.wall.hang(owner, body.image_id, body.show_prompt).as_dict(owner)


@router.delete("/wall/{hanging_id}")
def take_down(hanging_id: str, studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Take a picture of yours off the wall, or as an admin anybody's. It stays in its gallery."""
    studio.wall.take_down(hanging_id, None if caller.role == "admin" else caller.owner)
    return {"taken_down": hanging_id}


@router.get("/wall/{hanging_id}/file", response_class=Response)
def hanging_file(hanging_id: str, studio: StudioOf, owner: OwnerOf) -> Response:
    """The PNG of a picture on the wall; where its prompt is hidden, with nothing in it but the picture."""
    hanging = studio.wall.get(hanging_id)
    path = studio.gallery.file(hanging.image.owner, hanging.image.id)
    if hanging.image.owner == owner:
        return FileResponse(path, media_type="image/png", headers=FRESH)
    data = studio.bare.of(path, hanging.image.sha256, hanging.shows_prompt)
    return Response(data, media_type="image/png", headers=FRESH)


@router.get("/wall/{hanging_id}/thumbnail", response_class=FileResponse)
def hanging_thumbnail(hanging_id: str, studio: StudioOf, owner: OwnerOf) -> FileResponse:
    """A small WebP."""
    image = studio.wall.get(hanging_id).image
    return FileResponse(studio.gallery.thumbnail(image.owner, image.id), media_type="image/webp", headers=FRESH)


@router.get("/links")
def list_links(
    studio: StudioOf, caller: CallerOf, everybody: bool = Query(False, description="Of everybody; for admins.")
) -> dict[str, Any]:
    """Your links that lead to a picture now, newest first. Of others' only whose they are and until when is told."""
    if everybody:
        require_admin(caller)
    links = studio.links.list(None if everybody else caller.owner)
    return {"links": [one.as_dict(caller.owner) for one in links]}


@router.post("/links", status_code=201)
def make_link(body: NewLink, studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """A link to a picture of yours: whoever has it sees this picture without a login, and nothing else."""
    if caller.role == "guest":
        raise Refused("Guests make no links. Ask somebody with an account.")
    return studio.links.make(caller.owner, body.image_id, body.hours, body.show_prompt).as_dict(caller.owner)


@router.delete("/links/{link_id}")
def withdraw_link(link_id: str, studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Let a link of yours lead nowhere, or as an admin anybody's."""
    studio.links.withdraw(link_id, None if caller.role == "admin" else caller.owner)
    return {"withdrawn": link_id}
