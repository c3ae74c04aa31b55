"""Tags, albums, and several images at once: marked together, or taken along in one file."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from studio.api.caller import OwnerOf, StudioOf
from studio.gallery.bundles import MOST_IN_ZIP, MOST_ON_SHEET, check_count, contact_sheet, zipped
from studio.gallery.gallery import MAX_IDS

router = APIRouter(tags=["images"])

Ids = Annotated[list[str], Field(max_length=MAX_IDS)]


class Named(BaseModel):
    """A name."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Best of"}]})

    name: str


class Tagging(BaseModel):
    """Tags to put on images, and tags to take off."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"ids": ["9f0c…e1"], "add": ["sky"]}]})

    ids: Ids
    add: list[str] = Field(default=[], max_length=50)
    remove: list[str] = Field(default=[], max_length=50)


class Filling(BaseModel):
    """Images to put into an album, and images to take out."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"add": ["9f0c…e1"]}]})

    add: Ids = []
    remove: Ids = []


class Marking(BaseModel):
    """Images to mark as favourites, or no longer."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"ids": ["9f0c…e1"], "favourite": True}]})

    ids: Ids
    favourite: bool


class Chosen(BaseModel):
    """Some images by id, in the order they are wanted."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"ids": ["9f0c…e1"]}]})

    ids: Ids


@router.get("/images/tags")
def list_tags(studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Your tags, each with how many pictures have it."""
    return {"tags": [{"name": name, "count": count} for name, count in studio.gallery.labels.tags(owner).items()]}


@router.post("/images/tags")
def tag_images(body: Tagging, studio: StudioOf, owner: OwnerOf) -> dict[str, int]:
    """Put tags on images and take others off, all or none."""
    studio.gallery.labels.tag(owner, body.ids, body.add, body.remove)
    return {"count": len(body.ids)}


@router.post("/images/favourites")
def mark_images(body: Marking, studio: StudioOf, owner: OwnerOf) -> dict[str, int]:
    """Mark images as favourites, or no longer, all or none."""
    return {"count": studio.gallery.favourites(owner, body.ids, body.favourite)}


@router.post("/images/zip", response_class=StreamingResponse)
def zip_images(body: Chosen, studio: StudioOf, owner: OwnerOf) -> StreamingResponse:
    """The original PNGs of some images in one ZIP, up to 5,000."""
    check_count(len(body.ids), MOST_IN_ZIP)
    files = [studio.gallery.file(owner, one) for one in body.ids]
    return StreamingResponse(zipped(files), media_type="application/zip", headers=_named("pictures.zip"))


@router.post("/images/contact-sheet", response_class=Response)
def sheet_of_images(body: Chosen, studio: StudioOf, owner: OwnerOf) -> Response:
    """One JPEG of some images small, with their seeds and samplers under them, up to 400."""
    check_count(len(body.ids), MOST_ON_SHEET)
    pictures = []
    for one in body.ids:
        image = studio.gallery.get(owner, one)
        seed = "" if image.seed is None else f"{image.seed}  "
        pictures.append((studio.gallery.thumbnail(owner, one), f"{seed}{image.sampler}"))
    return Response(contact_sheet(pictures), media_type="image/jpeg", headers=_named("contact-sheet.jpg"))


@router.get("/images/{image_id}/labels")
def image_labels(image_id: str, studio: StudioOf, owner: OwnerOf) -> dict[str, list[str]]:
    """The tags of an image, and the albums it is in."""
    return studio.gallery.labels.of_image(owner, image_id)


@router.get("/albums")
def list_albums(studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Your albums, each with how many pictures it holds."""
    return {"albums": [album.as_dict() for album in studio.gallery.labels.albums(owner)]}


@router.post("/albums", status_code=201)
def new_album(body: Named, studio: StudioOf, owner: OwnerOf) -> dict[str, object]:
    """A new, empty album."""
    return studio.gallery.labels.new_album(owner, body.name).as_dict()


@router.patch("/albums/{album_id}")
def rename_album(album_id: str, body: Named, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Another name for an album."""
    studio.gallery.labels.rename_album(owner, album_id, body.name)
    return list_albums(studio, owner)


@router.delete("/albums/{album_id}")
def delete_album(album_id: str, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Take an album away; its pictures stay."""
    studio.gallery.labels.delete_album(owner, album_id)
    return list_albums(studio, owner)


@router.post("/albums/{album_id}/images")
def fill_album(album_id: str, body: Filling, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Put images into an album, and take others out, all or none."""
    studio.gallery.labels.fill_album(owner, album_id, body.add, body.remove)
    return list_albums(studio, owner)


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
