"""Presets: what ships, what the home has for everybody, and your own, which only you see."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from studio.api.bodies import FILE_BODY, whole_body
from studio.api.caller import OwnerOf, StudioOf
from studio.errors import InvalidField
from studio.presets import picture_of
from studio.recipe.preset_files import MOST_BYTES
from studio.recipe.presets import FAMILIES, Preset, partial_of
from studio.services import Studio

router = APIRouter(tags=["presets"])

FOREVER = {"Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
"""A thumbnail never changes under its version."""

EXAMPLE: JsonDict = {
    "title": "Ink at night",
    "family": "Looks",
    "recipe": {"prompt": "ink drawing of {prompt}", "steps": 24},
}


class PresetBody(BaseModel):
    """A preset of your own. Without a ``recipe`` it is what makes the look of the picture ``image``."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    title: str = Field(description="What it is called; its name is made of it.")
    notes: str = ""
    family: str = Field("", description=f"Where it stands: one of {', '.join(FAMILIES)}, or any other.")
    tags: list[str] = []
    example: str = Field("", description="Stands for the person's own words while they have none.")
    default_for: str = Field("", description="An untouched form begins with it: `any`, `sd1`, `sd2`, `sdxl`.")
    recipe: dict[str, Any] | None = Field(None, description="Fields of a recipe; `{prompt}` is where words go.")
    image: str | None = Field(None, description="Id of a picture of yours, for the thumbnail.")
    replace: bool = Field(False, description="Take the place of one of yours with the same title.")


class PresetChange(BaseModel):
    """What is to be another about one of your presets; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"title": "Ink by day"}]})

    title: str | None = None
    notes: str | None = None
    family: str | None = None
    tags: list[str] | None = None
    example: str | None = None
    default_for: str | None = None


@router.get("/presets")
def list_presets(studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Every preset you may use, in order; those with a problem say which. ``origin`` is `shipped`, `home` or `own`."""
    found = studio.presets_of(owner).values()
    families = dict.fromkeys(preset.family for preset in found if preset.family)
    return {"presets": [told(preset) for preset in found], "families": list(families)}


@router.post("/presets", status_code=201)
def save_preset(body: PresetBody, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Save a preset of your own: from fields, or from a picture of the gallery."""
    if body.recipe is None and not body.image:
        raise InvalidField("recipe", "is missing", "fields of a recipe, or the id of an image")
    preset = Preset(
        name="",
        title=body.title,
        notes=body.notes,
        family=body.family,
        tags=tuple(body.tags),
        example=body.example,
        default_for=body.default_for,
        fields=_fields_of_image(studio, owner, str(body.image)) if body.recipe is None else body.recipe,
    )
    picture = studio.gallery.thumbnail(owner, body.image).read_bytes() if body.image else None
    return told(studio.presets.save(owner, preset, picture, replaces=body.replace))


@router.post("/presets/import", status_code=201, openapi_extra=FILE_BODY)
async def import_presets(
    request: Request,
    studio: StudioOf,
    owner: OwnerOf,
    file_name: str = Query("", max_length=200, description="What the file is called; `.csv` is A1111's styles."),
) -> dict[str, Any]:
    """Make presets of a file your own: a preset's TOML, or A1111's ``styles.csv``. The body is the file.

    Answers the ``names`` of what is new, and in ``problems`` which lines could not be taken.
    """
    data = await whole_body(request, MOST_BYTES)
    taken = await asyncio.to_thread(studio.presets.take_in, owner, data, file_name)
    return {"names": list(taken.names), "problems": list(taken.problems)}


@router.get("/presets/{name}")
def get_preset(name: str, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """One preset."""
    return told(studio.presets.get(owner, name))


@router.patch("/presets/{name}")
def change_preset(name: str, body: PresetChange, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Call one of your presets otherwise, sort it elsewhere, or begin with it; its name stays."""
    changes = body.model_dump(exclude_none=True)
    if "tags" in changes:
        changes["tags"] = tuple(changes["tags"])
    return told(studio.presets.change(owner, name, **changes))


@router.delete("/presets/{name}")
def delete_preset(name: str, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Delete one of your presets. What ships, and what the home has for everybody, stays."""
    studio.presets.delete(owner, name)
    return {"deleted": name}


@router.get("/presets/{name}/thumbnail", response_class=Response)
def preset_thumbnail(name: str, studio: StudioOf, owner: OwnerOf) -> Response:
    """A small WebP, or a drawing (SVG) for a preset that has no picture."""
    drawn = picture_of(studio.presets.get(owner, name))
    return Response(drawn.data, media_type=drawn.media_type, headers=FOREVER)


@router.get("/presets/{name}/file", response_class=Response)
def preset_file(name: str, studio: StudioOf, owner: OwnerOf) -> Response:
    """A preset as one TOML file with its picture in it, to hand on; ``/presets/import`` takes it in."""
    data = studio.presets.export(owner, name)
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    named = {"Content-Disposition": f'attachment; filename="{plain}.toml"', "Cache-Control": "no-store"}
    return Response(data, media_type="application/toml", headers=named)


def told(preset: Preset) -> dict[str, Any]:
    """A preset as it is answered, with the path of its thumbnail below ``/api/v1``."""
    told = preset.as_dict()
    version = told.pop("version")
    return {**told, "thumbnail": f"presets/{preset.name}/thumbnail?v={version}"}


def _fields_of_image(studio: Studio, owner: str, image_id: str) -> dict[str, Any]:
    recipe = studio.gallery.get(owner, image_id).to_recipe()
    if recipe is None:
        raise InvalidField("image", "it does not say how it was made", "a picture with a recipe")
    return partial_of(recipe)
