"""``Recipe`` (what a person asks for; may say "auto") and ``ResolvedRecipe`` (what is run; nothing optional)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import pydantic
from pydantic import BaseModel, ConfigDict, field_validator

from studio.errors import InvalidField
from studio.recipe.limits import LIMITS, MAX_SEED, check_prompt

AUTO = "auto"
AUTO_SEED = -1


class Mode(str, Enum):
    """Where a picture starts: from noise alone, from a picture, or from a picture with a mask."""

    TEXT = "text"


class Emphasis(str, Enum):
    """How word weights act: A1111's mean restoration, plain weights, or none."""

    ORIGINAL = "original"
    NO_NORM = "no_norm"
    IGNORE = "ignore"


class NoiseDevice(str, Enum):
    """Which generator draws the noise: torch's CPU generator, or Philox 4x32 as CUDA draws it."""

    CPU = "cpu"
    PHILOX = "philox"


class _RecipeModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator(*LIMITS, check_fields=False)
    @classmethod
    def _within_limits(cls, value: float | None, info: pydantic.ValidationInfo) -> float | None:
        if value is not None and info.field_name is not None:
            LIMITS[info.field_name].check(info.field_name, value)
        return value

    @field_validator("prompt", "negative_prompt", check_fields=False)
    @classmethod
    def _prompt_fits(cls, value: str, info: pydantic.ValidationInfo) -> str:
        check_prompt(info.field_name or "prompt", value)
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
        return InvalidField(field, "is not a field of a recipe", ", ".join(model.model_fields))
    value = repr(first["input"])
    shown = value if len(value) <= 60 else value[:57] + "..."
    allowed = str(LIMITS[field]) if field in LIMITS else ""
    return InvalidField(field, f"{shown} cannot be used: {first['msg'][:1].lower()}{first['msg'][1:]}", allowed)


class Recipe(_RecipeModel):
    """What a person asks for. ``None`` and ``"auto"`` mean: whatever suits the checkpoint; seed -1: roll one.

    Raises:
        InvalidField: a value out of its limits, named with what is allowed.
    """

    mode: Mode = Mode.TEXT
    prompt: str = ""
    negative_prompt: str = ""
    checkpoint: str = AUTO
    sampler: str = AUTO
    schedule: str = AUTO
    steps: int | None = None
    guidance_scale: float | None = None
    seed: int = AUTO_SEED
    variation_seed: int = AUTO_SEED
    variation_strength: float = 0.0
    seed_resize_width_px: int = 0
    seed_resize_height_px: int = 0
    width_px: int | None = None
    height_px: int | None = None
    clip_skip: int | None = None
    eta: float | None = None
    eta_noise_seed_delta: int = 0
    emphasis: Emphasis = Emphasis.ORIGINAL
    noise: NoiseDevice = NoiseDevice.CPU
    exact: bool = False

    def with_fields(self, fields: Mapping[str, Any]) -> Recipe:
        """A copy with ``fields`` laid over it, validated again (a preset is such a mapping)."""
        return Recipe(**{**self.model_dump(), **fields})


class ResolvedRecipe(_RecipeModel):
    """One picture, with every question answered: what is queued, run, saved and shown.

    ``seed`` and ``variation_seed`` are those of this very picture; ``for_picture`` gives the ones of its siblings.
    """

    mode: Mode
    prompt: str
    negative_prompt: str
    checkpoint: str
    checkpoint_sha256: str
    family: str
    sampler: str
    schedule: str
    steps: int
    guidance_scale: float
    seed: int
    variation_seed: int
    variation_strength: float
    seed_resize_width_px: int
    seed_resize_height_px: int
    width_px: int
    height_px: int
    clip_skip: int
    eta: float
    eta_noise_seed_delta: int
    emphasis: Emphasis
    noise: NoiseDevice
    exact: bool

    def for_picture(self, index: int) -> ResolvedRecipe:
        """The recipe of picture ``index`` of a job: the seed counts up, or the variation seed when one is in use."""
        moved = "variation_seed" if self.variation_strength > 0 else "seed"
        return self.model_copy(update={moved: (getattr(self, moved) + index) % (MAX_SEED + 1)})

    def to_recipe(self) -> Recipe:
        """The same picture as a recipe for the form, with nothing left to "auto"."""
        shared = {name: value for name, value in self.model_dump().items() if name in Recipe.model_fields}
        return Recipe(**shared)
