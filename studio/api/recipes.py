"""Recipes without making them: read from a picture or a text, every "auto" answered, checked."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from studio.api.bodies import FILE_BODY, whole_body
from studio.api.caller import OwnerOf, StudioOf
from studio.api.errors import error_body
from studio.errors import StudioError
from studio.recipe import Recipe, infotext
from studio.recipe.infotext import MAX_INFOTEXT_CHARACTERS

router = APIRouter(tags=["recipes"])


class RecipeText(BaseModel):
    """A text to read: A1111's, or the JSON that ComfyUI, InvokeAI, Fooocus, NovelAI or this studio write."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"text": "a cat\nSteps: 20, Sampler: Euler a, Seed: 7"}]}
    )

    text: str = Field(max_length=MAX_INFOTEXT_CHARACTERS)


@router.post("/recipes/read", openapi_extra=FILE_BODY)
async def read_recipe(request: Request, studio: StudioOf) -> dict[str, Any]:
    """What a picture was made with: the body is its file (PNG, JPEG, WebP, AVIF …), or a text in UTF-8.

    ``recipe`` holds the fields that can be used here; ``has`` and ``lacks`` say what of it this studio has and lacks,
    each with a sentence in ``words``; ``unused`` is what no recipe has a place for.
    """
    data = await whole_body(request, studio.settings.max_upload_mb * 1_000_000, "picture")
    return (await asyncio.to_thread(studio.holdings.read_file, data)).as_dict()


@router.post("/recipes/parse")
def parse_recipe(body: RecipeText, studio: StudioOf) -> dict[str, Any]:
    """What a text in A1111's form, or another program's JSON, says; the answer is that of ``/recipes/read``."""
    return studio.holdings.read_text(body.text).as_dict()


@router.post("/recipes/resolve")
def resolve_recipe(recipe: dict[str, Any], studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """A recipe with every "auto" answered, without making it. What cannot be made is refused as an order would be."""
    return studio.resolve(Recipe(**recipe), owner).model_dump(mode="json")


@router.post("/recipes/validate")
def validate_recipe(recipe: dict[str, Any], studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Whether a recipe can be made here: ``valid`` with its A1111 text, or not, with the ``error`` an order gets."""
    try:
        resolved = studio.resolve(Recipe(**recipe), owner)
    except StudioError as error:
        return {"valid": False, "infotext": "", **error_body(error)}
    return {"valid": True, "infotext": infotext.write(resolved), "error": None}
