"""``Recipe`` (what a person asks for; may say "auto") and ``ResolvedRecipe`` (what is run; nothing optional)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from studio.recipe.adapters import Adapter, LearnedWord
from studio.recipe.base import RecipeModel
from studio.recipe.finish import FinishFields, SecondPassFields
from studio.recipe.limits import MAX_SEED
from studio.recipe.source import SourceFields
from studio.recipe.templates import NO_TEMPLATES, Templates, as_typed

AUTO = "auto"
AUTO_SEED = -1
OWN_VAE = "own"
"""The VAE that a checkpoint brings, whatever its card says."""


class Mode(str, Enum):
    """Where a picture starts: from noise alone, from a picture, from a picture with a mask; or, to finish, from a
    picture that no network rolls again.
    """

    TEXT = "text"
    IMAGE = "image"
    INPAINT = "inpaint"
    FINISH = "finish"


class Tiling(str, Enum):
    """Along which axes a picture continues itself without a seam."""

    OFF = "off"
    BOTH = "both"
    HORIZONTAL = "horizontal"
    VERTICAL = "vertical"


class Emphasis(str, Enum):
    """How word weights act: A1111's mean restoration, plain weights, or none."""

    ORIGINAL = "original"
    NO_NORM = "no_norm"
    IGNORE = "ignore"


class NoiseDevice(str, Enum):
    """Which generator draws the noise: torch's CPU generator, or Philox 4x32 as CUDA draws it."""

    CPU = "cpu"
    PHILOX = "philox"


class Recipe(SourceFields, SecondPassFields, FinishFields, RecipeModel):
    """What a person asks for. ``None`` and ``"auto"`` mean: whatever suits the checkpoint; seed -1: roll one.

    Raises:
        InvalidField: a value out of its limits, named with what is allowed.
    """

    mode: Mode = Mode.TEXT
    prompt: str = ""
    negative_prompt: str = ""
    checkpoint: str = AUTO
    vae: str = AUTO
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
    tiling: Tiling = Tiling.OFF

    def with_fields(self, fields: Mapping[str, Any]) -> Recipe:
        """A copy with ``fields`` laid over it, validated again (a preset is such a mapping)."""
        return Recipe(**{**self.model_dump(), **fields})


class ResolvedRecipe(SourceFields, SecondPassFields, FinishFields, RecipeModel):
    """One picture, with every question answered: what is queued, run, saved and shown.

    ``seed`` and ``variation_seed`` are those of this very picture; ``for_picture`` gives the ones of its siblings.
    ``varied_from`` is the id of the image that it is a variation of, ``varied_by`` says in words how.
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
    # From here on every field has a default: jobs and pictures of before it know nothing of it.
    tiling: Tiling = Tiling.OFF
    hires_upscaler_sha256: str = ""
    upscaler_sha256: str = ""
    adapters: tuple[Adapter, ...] = ()
    # None: the second pass wears what the first does.
    hires_adapters: tuple[Adapter, ...] | None = None
    varied_from: str = ""
    varied_by: str = ""
    learned_words: tuple[LearnedWord, ...] = ()
    # Auto: the checkpoint's own, because neither recipe nor card asked for another.
    vae: str = AUTO
    vae_sha256: str = ""
    templates: Templates = NO_TEMPLATES
    # What a person says that the network predicts; empty and None: what the checkpoint's file is taken for.
    prediction: str = ""
    zero_snr: bool | None = None

    @property
    def has_second_pass(self) -> bool:
        """Whether a larger picture is made of the first one; its size is then `hires_width_px` by `hires_height_px`."""
        return self.hires_width_px > 0 and self.hires_height_px > 0

    @property
    def all_adapters(self) -> tuple[Adapter, ...]:
        """Those of both passes, each file once."""
        return tuple({one.sha256: one for one in (*(self.hires_adapters or ()), *self.adapters)}.values())

    def for_picture(self, index: int, changes: Mapping[str, Any] | None = None) -> ResolvedRecipe:
        """The recipe of picture ``index`` of a job: the seed counts up, or the variation seed when one is in use.

        ``changes`` are fields in which that picture is another one all the same, such as the words chance chose for it.
        """
        moved = "variation_seed" if self.variation_strength > 0 else "seed"
        moved_on = self.model_copy(update={moved: (getattr(self, moved) + index) % (MAX_SEED + 1)})
        return ResolvedRecipe(**{**moved_on.model_dump(), **changes}) if changes else moved_on

    def to_recipe(self) -> Recipe:
        """The same picture as a recipe for the form, with nothing left to "auto", nor to chance."""
        shared = {name: value for name, value in self.model_dump().items() if name in Recipe.model_fields}
        return Recipe(**{**shared, "checkpoint": self.checkpoint or AUTO})

    def to_typed_recipe(self) -> Recipe:
        """As `to_recipe`, with the templates that were typed in place of what became of them."""
        return Recipe(**as_typed(self.to_recipe().model_dump(), self.templates))
