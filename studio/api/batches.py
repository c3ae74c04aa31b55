"""Batches: several jobs from a text, one a line; all of them, or none."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from studio.api.caller import OwnerOf, StudioOf
from studio.recipe import Recipe
from studio.recipe.lines import MAX_TEXT_CHARACTERS, read_lines
from studio.recipe.presets import PLACEHOLDER, apply_all

router = APIRouter(tags=["jobs"])


class BatchRequest(BaseModel):
    """A recipe, and a text whose lines say what is otherwise in each job."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"recipe": {"steps": 12}, "lines": 'a red fox\n--prompt "a blue fox" --seed 7 --n_iter 2'}]
        },
    )

    recipe: dict[str, Any] = Field(
        default_factory=dict, description="Fields that all lines share; {prompt} in its prompt is where a line goes."
    )
    lines: str = Field(max_length=MAX_TEXT_CHARACTERS, description="A prompt a line, or flags such as --steps 20.")
    count: int = Field(1, description="Pictures of each line that does not say how many.")
    id: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,56}$", description="An id of your choice.")
    presets: list[str] = Field([], max_length=50, description="Names of presets, laid over each one after the other.")


@router.post("/batches", status_code=202)
def create_batch(order: BatchRequest, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Queue a job for each line, or none: a line that cannot be used is refused by its number.

    Jobs are called by ``id`` with the line's number behind it, which makes repeating the order harmless.
    """
    recipe = Recipe(**{"prompt": PLACEHOLDER, **order.recipe})
    recipe = apply_all(recipe, order.presets, studio.presets_of(owner) if order.presets else {})
    jobs = studio.submit_lines(recipe, read_lines(order.lines), order.count, owner, order.id or "")
    return {"jobs": [job.as_dict() for job in jobs]}
