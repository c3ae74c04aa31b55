"""What the studio remembers of you between devices: the form, and how you like the page."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from studio.accounts.remembered import DownloadFormat, Likings, Previews, Scalar, Theme
from studio.api.caller import OwnerOf, StudioOf

router = APIRouter(tags=["yours"])


class FormState(BaseModel):
    """A form by its fields."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"values": {"prompt": "a fox", "steps": 20, "count": 2}}]}
    )

    values: dict[str, Scalar] = Field(max_length=500, description="Fields of a recipe, and `count`.")


class SomeLikings(BaseModel):
    """What to change of how you like the page."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"theme": "dark", "sound": True}]})

    theme: Theme | None = Field(None, description="Colours of the page: `system`, `light` or `dark`.")
    previews: Previews | None = Field(None, description="Live previews: `all`, `few` (one in two seconds) or `none`.")
    sound: bool | None = Field(None, description="A sound when pictures are done.")
    notices: bool | None = Field(None, description="A notice of the browser when pictures are done.")
    download_format: DownloadFormat | None = Field(
        None, description="Format of downloads: `png`, `jpeg`, `webp` or `avif`."
    )


@router.get("/me/form")
def recall_form(studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Your form as you left it, on whichever device; ``values`` is null while nothing is remembered."""
    kept = studio.memories.form(owner)
    changed_at = kept.changed_at.isoformat() if kept.changed_at else None
    return {"values": kept.content, "revision": kept.revision, "changed_at": changed_at}


@router.put("/me/form")
def keep_form(body: FormState, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Remember your form. Whoever writes last wins; ``revision`` counts the times."""
    return {"revision": studio.memories.keep_form(owner, body.values)}


@router.get("/me/settings")
def get_likings(studio: StudioOf, owner: OwnerOf) -> Likings:
    """How you like the page."""
    return studio.memories.likings(owner)


@router.patch("/me/settings")
def change_likings(body: SomeLikings, studio: StudioOf, owner: OwnerOf) -> Likings:
    """Change some of how you like the page; what is not named stays."""
    return studio.memories.like(owner, body.model_dump(exclude_none=True))
