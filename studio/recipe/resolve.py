"""Answers every "auto" of a recipe, once. Nobody below asks again."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Protocol

from studio.recipe.limits import MAX_SEED, check_size
from studio.recipe.model import AUTO, AUTO_SEED, Recipe, ResolvedRecipe


@dataclass(frozen=True)
class CheckpointFacts:
    """What resolving needs to know of a checkpoint."""

    name: str
    sha256: str
    family: str
    native_size_px: int
    default_sampler: str
    default_steps: int
    default_guidance_scale: float
    default_clip_skip: int = 1


@dataclass(frozen=True)
class SamplerFacts:
    """What resolving needs to know of a sampler: its canonical name and what "automatic" means for it."""

    name: str
    default_schedule: str
    default_eta: float


@dataclass(frozen=True)
class SourceFacts:
    """What resolving needs to know of a stored picture."""

    width_px: int
    height_px: int
    has_alpha: bool


@dataclass(frozen=True)
class UpscalerFacts:
    """What resolving needs to know of an upscaler: its canonical name, the sha256 of its file (empty for those that
    need none), and its own factor (0 for any).
    """

    name: str
    sha256: str = ""
    factor: int = 0


class Offer(Protocol):
    """What this studio has to offer; ``services`` makes one from the library and the sampler catalogue."""

    @property
    def max_side_px(self) -> int:
        """The largest width or height, in pixels."""

    def checkpoint(self, name: str) -> CheckpointFacts:
        """The checkpoint of that name, hash or "auto". Raises `UnknownCheckpoint`."""

    def sampler(self, name: str) -> SamplerFacts:
        """The sampler of that name or alias; an old combined name answers its schedule too. Raises `UnknownSampler`."""

    def schedule(self, name: str) -> str:
        """The canonical name of a schedule. Raises `UnknownSampler`."""

    def source(self, sha256: str) -> SourceFacts:
        """The stored picture of that hash. Raises `NotFound`."""

    def upscaler(self, name: str, *, latent: bool) -> UpscalerFacts:
        """The upscaler of that name, ``None`` too; latent ones only when ``latent``. Raises `InvalidField`."""


def resolve(recipe: Recipe, offer: Offer) -> ResolvedRecipe:
    """The recipe with every "auto" answered.

    Raises:
        InvalidField: a size that is not a whole number of latent cells or too large.
        UnknownCheckpoint, UnknownSampler: a name nothing answers to.
    """
    checkpoint = offer.checkpoint(recipe.checkpoint)
    sampler = offer.sampler(checkpoint.default_sampler if recipe.sampler == AUTO else recipe.sampler)
    width_px = recipe.width_px if recipe.width_px is not None else checkpoint.native_size_px
    height_px = recipe.height_px if recipe.height_px is not None else checkpoint.native_size_px
    check_size("width_px", width_px, offer.max_side_px)
    check_size("height_px", height_px, offer.max_side_px)
    return ResolvedRecipe(
        mode=recipe.mode,
        prompt=recipe.prompt,
        negative_prompt=recipe.negative_prompt,
        checkpoint=checkpoint.name,
        checkpoint_sha256=checkpoint.sha256,
        family=checkpoint.family,
        sampler=sampler.name,
        schedule=_schedule(recipe.schedule, sampler, offer),
        steps=recipe.steps if recipe.steps is not None else checkpoint.default_steps,
        guidance_scale=(
            recipe.guidance_scale if recipe.guidance_scale is not None else checkpoint.default_guidance_scale
        ),
        seed=_rolled(recipe.seed),
        variation_seed=_rolled(recipe.variation_seed) if recipe.variation_strength > 0 else 0,
        variation_strength=recipe.variation_strength,
        seed_resize_width_px=recipe.seed_resize_width_px,
        seed_resize_height_px=recipe.seed_resize_height_px,
        width_px=width_px,
        height_px=height_px,
        clip_skip=recipe.clip_skip if recipe.clip_skip is not None else checkpoint.default_clip_skip,
        eta=recipe.eta if recipe.eta is not None else sampler.default_eta,
        eta_noise_seed_delta=recipe.eta_noise_seed_delta,
        emphasis=recipe.emphasis,
        noise=recipe.noise,
        exact=recipe.exact,
    )


def _schedule(asked: str, sampler: SamplerFacts, offer: Offer) -> str:
    if asked.lower() in (AUTO, "automatic", ""):
        return offer.schedule(sampler.default_schedule)
    return offer.schedule(asked)


def _rolled(seed: int) -> int:
    return secrets.randbelow(MAX_SEED + 1) if seed == AUTO_SEED else seed
