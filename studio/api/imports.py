"""Imports: pictures that other programs made, uploaded one by one, or from folders of the studio's own machine."""

from __future__ import annotations

import asyncio
import ipaddress
from datetime import datetime, timezone
from typing import Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from studio.accounts import Caller
from studio.api.bodies import FILE_BODY, whole_body
from studio.api.caller import CallerOf, OwnerOf, StudioOf
from studio.errors import Refused
from studio.gallery.incoming import LabelKind
from studio.gallery.incoming import now as this_moment

router = APIRouter(tags=["imports"])

MOST_MILLISECONDS = 253_402_300_799_000
"""The end of the year 9999, beyond which there are no dates."""


class Folders(BaseModel):
    """Folders of the studio's machine."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"folders": ["/home/anna/stable-diffusion-webui/outputs"], "labels": "tags"}]},
    )

    folders: list[str] = Field(description="Whole paths on the studio's machine; what lies in them is looked at too.")
    labels: LabelKind = Field("none", description="What the names of subfolders become.")
    dry_run: bool = Field(False, description="Only say how many, how large, and whether there is room.")


def require_keeper(request: Request, caller: Caller) -> None:
    """Raises `Refused` for whoever may not name paths of the machine: only an admin, or the person at it, may."""
    if caller.role != "admin":
        raise Refused("Only an admin may import folders of the studio's machine. Drop files onto the gallery instead.")
    if caller.proof == "none" and not _is_this_machine(request):
        raise Refused("Without accounts, folders are imported at the studio's machine only. Drop files instead.")


def _is_this_machine(request: Request) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


@router.post("/images/import", status_code=201, openapi_extra=FILE_BODY)
async def import_picture(
    request: Request,
    studio: StudioOf,
    owner: OwnerOf,
    path: str = Query("", max_length=1000, description="What the file is called, with the folders it lies in."),
    modified_ms: int = Query(0, ge=0, le=MOST_MILLISECONDS, description="When it was written: ms since 1970; 0: now."),
    labels: LabelKind = Query("none", description="What the names of its folders become."),  # noqa: B008
) -> dict[str, Any]:
    """Take a picture into your gallery as it is: the body is its file (PNG, JPEG, WebP, AVIF).

    Whatever program made it, what it says of that is read. ``outcome`` is ``imported``, or ``here`` or ``in_bin`` when
    that very file was in your gallery already.
    """
    data = await whole_body(request, studio.settings.max_upload_mb * 1_000_000)
    modified = datetime.fromtimestamp(modified_ms / 1000, timezone.utc) if modified_ms else this_moment()
    taken = await asyncio.to_thread(studio.imports.incoming.take, data, owner, path, modified, labels)
    return {"outcome": taken.outcome, "image": taken.image.as_dict()}


@router.post("/imports", status_code=202)
def import_folders(body: Folders, request: Request, studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Import folders of other programs into your gallery, in the background; for admins.

    Files are copied, the originals stay as they are. ``survey`` says what there is; ``import`` is how it stands, null
    for a dry run.
    """
    require_keeper(request, caller)
    survey = studio.imports.survey(body.folders)
    ordered = None if body.dry_run else studio.imports.order(caller.owner, body.folders, body.labels).as_dict()
    return {"survey": survey.as_dict(), "import": ordered}


@router.get("/imports")
def list_imports(request: Request, studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Your latest imports of folders, newest first; ``allowed`` says whether you may order one."""
    try:
        require_keeper(request, caller)
        allowed = True
    except Refused:
        allowed = False
    return {"imports": [one.as_dict() for one in studio.imports.list(caller.owner)], "allowed": allowed}


@router.get("/imports/{import_id}")
def get_import(import_id: str, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """How an import stands: what came in, what was here already, and which files were skipped, with why."""
    return studio.imports.get(owner, import_id).as_dict()


@router.delete("/imports/{import_id}")
def cancel_import(import_id: str, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Stop an import after the file at hand; what came in stays."""
    return studio.imports.cancel(owner, import_id).as_dict()


@router.post("/imports/{import_id}/resume")
def resume_import(import_id: str, request: Request, studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Go on with an import that was cancelled or failed, where it stopped; for admins."""
    studio.imports.get(caller.owner, import_id)
    require_keeper(request, caller)
    return studio.imports.resume(caller.owner, import_id).as_dict()
