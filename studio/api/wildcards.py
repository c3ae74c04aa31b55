"""Wildcards: which there are, what stands in their files, and changing one's own."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from studio.api.caller import CallerOf, StudioOf
from studio.errors import Refused
from studio.wildcards import MAX_FILE_CHARACTERS

router = APIRouter(tags=["wildcards"])


class WildcardText(BaseModel):
    """The text of a wildcard file: an entry a line, or YAML."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "red\n2::blue\n"}]})

    text: str = Field(max_length=MAX_FILE_CHARACTERS)


@router.get("/wildcards")
def list_wildcards(studio: StudioOf) -> dict[str, Any]:
    """Every wildcard file with the names it gives prompts; those with a problem say which.

    ``own`` ones can be changed; under one that also ``ships``, the studio's comes back when it is removed.
    """
    return {"files": [file.as_dict() for file in studio.prompts.wildcards.files()]}


@router.get("/wildcards/{name:path}")
def read_wildcard(name: str, studio: StudioOf) -> dict[str, Any]:
    """One file and its text. ``colours`` stands for ``colours.txt``; folders are part of the name."""
    wildcards = studio.prompts.wildcards
    return {**wildcards.file(name).as_dict(), "text": wildcards.text(name)}


@router.put("/wildcards/{name:path}")
def write_wildcard(name: str, body: WildcardText, studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Make or change a file in the home; a text that cannot be read is refused with its line. Not for guests."""
    _check_may_write(caller.role)
    return studio.prompts.wildcards.write(name, body.text).as_dict()


@router.delete("/wildcards/{name:path}", status_code=204)
def remove_wildcard(name: str, studio: StudioOf, caller: CallerOf) -> None:
    """Delete a file of the home. Not for guests."""
    _check_may_write(caller.role)
    studio.prompts.wildcards.remove(name)


def _check_may_write(role: str) -> None:
    if role == "guest":
        raise Refused("Guests use the wildcards there are; members change them.")
