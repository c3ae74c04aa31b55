"""Images: search, look, keep, bin. Files are named by opaque id and leave only through these routes."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from studio.api.caller import OwnerOf, StudioOf
from studio.gallery.copies import copy_as
from studio.gallery.gallery import MAX_IDS, MAX_OFFSET
from studio.gallery.order import ORDERS
from studio.gallery.originals import format_of
from studio.pictures.formats import FormatName, find_format
from studio.variations import STRENGTH, Way

router = APIRouter(tags=["images"])

FOREVER = {"Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
"""An image never changes under its id."""


class ImageIds(BaseModel):
    """Some images by id."""

    ids: list[str] = Field(min_length=1, max_length=MAX_IDS)


class Favourite(BaseModel):
    """Whether an image is a favourite."""

    favourite: bool


class Variation(BaseModel):
    """How to vary an image."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"way": "like", "count": 4}]})

    way: Way = Field("like", description="`like`: more like it; `preset`: same seed; `checkpoint`: same recipe.")
    count: int = Field(4, description="Pictures more like it; of a preset or checkpoint one is made.")
    strength: float = Field(STRENGTH, description="How far from it: above 0, up to 1.")
    name: str = Field("", max_length=300, description="The preset or checkpoint; empty for the next one.")
    id: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,64}$", description="A job id of your choice.")


@router.get("/images")
def list_images(
    studio: StudioOf,
    owner: OwnerOf,
    search: str = Query("", description='The search language: `sampler:"Euler a" steps>20 fav:yes -dog cat`.'),
    sort: str = Query("newest", description=f"One of {', '.join(ORDERS)}."),
    query: str = Query("", max_length=500, description="Plain words that the prompts hold, without the language."),
    before: str | None = Query(None, description="`next` of the page before, of the same search and sort."),
    offset: int = Query(0, ge=0, le=MAX_OFFSET, description="Pass over so many, to look into the middle."),
    limit: int = Query(50, ge=1, le=500),
    binned: bool = False,
    favourites: bool = False,
) -> dict[str, Any]:
    """Your images, a page at a time."""
    page = studio.gallery.list(
        owner,
        query=query,
        search=search,
        sort=sort,
        before=before,
        offset=offset,
        limit=limit,
        binned=binned,
        favourites=favourites,
    )
    return {"images": [image.as_dict() for image in page.images], "total": page.total, "next": page.next}


@router.get("/images/ids")
def list_ids(
    studio: StudioOf, owner: OwnerOf, search: str = "", binned: bool = False, favourites: bool = False
) -> dict[str, Any]:
    """The ids of all your images that match, newest first, up to 50,000: to do something with everything found."""
    return {"ids": list(studio.gallery.ids(owner, search, binned, favourites))}


@router.get("/images/values")
def list_values(studio: StudioOf, owner: OwnerOf) -> dict[str, dict[str, int]]:
    """What there is to search for: the samplers, models, tags and albums of your images, with how many each is of."""
    return studio.gallery.values(owner)


@router.get("/images/{image_id}")
def get_image(image_id: str, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """An image's recipe, infotext and place in the gallery."""
    return studio.gallery.get(owner, image_id).as_dict()


@router.get("/images/{image_id}/lineage")
def image_lineage(image_id: str, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """The images this one was made from, nearest first, and those made from it, oldest first."""
    return studio.gallery.lineage(owner, image_id).as_dict()


@router.get("/images/{image_id}/file", response_class=Response)
def image_file(
    image_id: str,
    studio: StudioOf,
    owner: OwnerOf,
    download: bool = Query(False, description="Name the file, so that browsers save it."),
    format: FormatName | None = Query(None, description="A copy in this format; else the original."),  # noqa: B008
    quality: int | None = Query(None, ge=1, le=100, description="Of a copy; a WebP of 100 loses nothing."),
) -> Response:
    """The original, metadata and all, parts of it by `Range`; or a copy that carries the same recipe.

    What the studio made is a PNG; a picture that was imported is what it came as.
    """
    path = studio.gallery.file(owner, image_id)
    kept_as = format_of(path)
    chosen = find_format(format or kept_as, quality)
    name = path.with_suffix(chosen.suffix).name if download else None
    if chosen.name == kept_as and quality is None:
        return FileResponse(path, media_type=chosen.media_type, headers=FOREVER, filename=name)
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'} if name else {}
    data = copy_as(path, chosen, quality)
    return Response(data, media_type=chosen.media_type, headers={**FOREVER, **disposition})


@router.get("/images/{image_id}/thumbnail", response_class=FileResponse)
def image_thumbnail(image_id: str, studio: StudioOf, owner: OwnerOf) -> FileResponse:
    """A small WebP."""
    return FileResponse(studio.gallery.thumbnail(owner, image_id), media_type="image/webp", headers=FOREVER)


@router.post("/images/{image_id}/vary", status_code=202)
def vary_image(image_id: str, body: Variation, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Queue variations of an image: more like it, the same seed with a preset, the same recipe with a checkpoint.

    Answers at once with the job, as an order does; what comes of it stands in the lineage.
    """
    job = studio.vary(
        image_id, body.way, owner, count=body.count, strength=body.strength, name=body.name, job_id=body.id
    )
    return job.as_dict()


@router.post("/images/bin")
def bin_images(body: ImageIds, studio: StudioOf, owner: OwnerOf) -> dict[str, int]:
    """Put images into the bin; ``restore`` brings them back."""
    return {"count": studio.gallery.bin(owner, body.ids)}


@router.post("/images/restore")
def restore_images(body: ImageIds, studio: StudioOf, owner: OwnerOf) -> dict[str, int]:
    """Take images out of the bin."""
    return {"count": studio.gallery.restore(owner, body.ids)}


@router.post("/images/empty-bin")
def empty_bin(studio: StudioOf, owner: OwnerOf) -> dict[str, int]:
    """Delete what is in the bin for good."""
    return {"count": studio.gallery.empty_bin(owner)}


@router.post("/images/{image_id}/favourite")
def favourite_image(image_id: str, body: Favourite, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Mark an image as a favourite, or no longer."""
    studio.gallery.favourite(owner, image_id, body.favourite)
    return studio.gallery.get(owner, image_id).as_dict()
