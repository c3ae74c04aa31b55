"""Prompts without making pictures: how one is understood, and what it takes of the text encoder."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from studio.api.caller import OwnerOf, StudioOf
from studio.jobs.typed import typed_prompts
from studio.recipe.limits import MAX_PROMPT_CHARACTERS, MAX_SEED
from studio.understanding import understand

router = APIRouter(tags=["prompts"])


class Text(BaseModel):
    """A prompt to measure."""

    text: str
    checkpoint: str = "auto"


class Prompt(BaseModel):
    """A prompt to understand, and for what."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"text": "a {red|blue} (fox:1.2) [in snow:in rain:0.5]", "seed": 7}]},
    )

    text: str = Field(max_length=MAX_PROMPT_CHARACTERS)
    field: Literal["prompt", "negative_prompt", "hires_prompt", "hires_negative_prompt"] = "prompt"
    checkpoint: str = Field("auto", max_length=1000)
    steps: int | None = Field(None, ge=1, le=1000, description="Sampling steps; by default the checkpoint's own.")
    seed: int = Field(0, ge=0, le=MAX_SEED, description="With which chance chooses the words of a template.")


@router.get("/prompts/history")
def prompt_history(
    studio: StudioOf,
    owner: OwnerOf,
    search: str = Query("", max_length=1000, description="Words that must all be in it."),
    limit: int = Query(50, ge=1, le=500),
) -> dict[str, Any]:
    """Your prompts of before, the latest first, each once: templates as they were typed."""
    found = typed_prompts(studio.database, owner, search, limit)
    return {"prompts": [one.as_dict() for one in found]}


@router.post("/prompts/count")
def count_prompt(body: Text, studio: StudioOf) -> dict[str, int]:
    """Tokens a prompt uses, and tokens that fit into as many chunks as that takes; of a template, in one example."""
    used, capacity = studio.count_tokens(body.text, body.checkpoint)
    return {"used": used, "capacity": capacity}


@router.post("/prompts/understand")
def understand_prompt(body: Prompt, studio: StudioOf) -> dict[str, Any]:
    """How a prompt is understood, what is wrong with it included: this answers 200 for anything that can be typed.

    ``text`` is what was read; of a template, what it becomes with ``seed``. ``parts`` are the sides of AND, each with
    the ``stages`` it goes through (``first_step`` to ``last_step``, counted from 1) and their ``chunks`` of 75 tokens
    in ``pieces`` with weights. ``marks`` are problems and remarks with ``start`` and ``end`` in what was typed.
    """
    return understand(studio.prompts, body.text, body.field, body.checkpoint, body.steps, body.seed).as_dict()
