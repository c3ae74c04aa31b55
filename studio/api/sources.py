"""Source pictures and masks: upload, or take one from the gallery, before a recipe names them."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse

from studio.api.bodies import FILE_BODY, whole_body
from studio.api.caller import OwnerOf, StudioOf
from studio.api.images import FOREVER

router = APIRouter(tags=["sources"])


@router.post("/sources", status_code=201, openapi_extra=FILE_BODY)
async def put_source(
    request: Request,
    studio: StudioOf,
    owner: OwnerOf,
    kind: Literal["picture", "mask"] = Query("picture", description="A mask is white where to paint anew."),
) -> dict[str, Any]:
    """Store a picture or mask: the body is the file. Answers the hash by which recipes name it."""
    data = await whole_body(request, studio.settings.max_upload_mb * 1_000_000)
    put = studio.sources.put_mask if kind == "mask" else studio.sources.put_picture
    source = await asyncio.to_thread(put, data)
    await asyncio.to_thread(studio.belongings.add, owner, source.sha256)
    return source.as_dict()


@router.post("/sources/from-image/{image_id}", status_code=201)
def source_from_image(image_id: str, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Store a picture of the gallery as a source; ``source_image`` is what a recipe says for its lineage."""
    data = studio.gallery.file(owner, image_id).read_bytes()
    source = studio.sources.put_picture(data)
    studio.belongings.add(owner, source.sha256)
    return {**source.as_dict(), "source_image": image_id}


@router.get("/sources/{sha256}")
def get_source(sha256: str, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Size and kind of a stored picture."""
    studio.belongings.check(owner, sha256)
    return studio.sources.get(sha256).as_dict()


@router.get("/sources/{sha256}/file", response_class=FileResponse)
def source_file(sha256: str, studio: StudioOf, owner: OwnerOf) -> FileResponse:
    """The stored PNG."""
    studio.belongings.check(owner, sha256)
    return FileResponse(studio.sources.path(sha256), media_type="image/png", headers=FOREVER)
