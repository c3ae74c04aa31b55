"""What every part of a recipe is built on: frozen, no unknown fields, and limits that answer in words."""

from __future__ import annotations

import difflib
from typing import Any

import pydantic
from pydantic import BaseModel, ConfigDict, field_validator

from studio.errors import InvalidField
from studio.recipe.limits import LIMITS, check_image_id, check_prompt, check_sha256


class RecipeModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator(*LIMITS, check_fields=False)
    @classmethod
    def _within_limits(cls, value: float | None, info: pydantic.ValidationInfo) -> float | None:
        if value is not None and info.field_name is not None:
            LIMITS[info.field_name].check(info.field_name, value)
        return value

    @field_validator("prompt", "negative_prompt", "hires_prompt", "hires_negative_prompt", check_fields=False)
    @classmethod
    def _prompt_fits(cls, value: str, info: pydantic.ValidationInfo) -> str:
        check_prompt(info.field_name or "prompt", value)
        return value

    @field_validator("source", "mask", check_fields=False)
    @classmethod
    def _is_a_hash(cls, value: str, info: pydantic.ValidationInfo) -> str:
        check_sha256(info.field_name or "source", value)
        return value

    @field_validator("source_image", check_fields=False)
    @classmethod
    def _is_an_image_id(cls, value: str, info: pydantic.ValidationInfo) -> str:
        check_image_id(info.field_name or "source_image", value)
        return value

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except pydantic.ValidationError as error:
            raise _readable(error, type(self)) from None


def _readable(error: pydantic.ValidationError, model: type[BaseModel]) -> InvalidField:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "recipe"
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(field, model.model_fields, n=5, cutoff=0.3)
        return InvalidField(
            field, "is not a field of a recipe", f"{', '.join(near or list(model.model_fields)[:5])}, …"
        )
    value = repr(first["input"])
    shown = value if len(value) <= 60 else value[:57] + "..."
    allowed = str(LIMITS[field]) if field in LIMITS else ""
    return InvalidField(field, f"{shown} cannot be used: {first['msg'][:1].lower()}{first['msg'][1:]}", allowed)
