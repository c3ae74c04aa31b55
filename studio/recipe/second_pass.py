"""Answers what a second pass leaves open: its size, and what it takes over from the first."""

from __future__ import annotations

from studio.errors import InvalidField
from studio.recipe.finish import SAME
from studio.recipe.limits import SIZE_MULTIPLE_PX, check_size
from studio.recipe.model import AUTO, Mode, ResolvedRecipe
from studio.recipe.offer import Offer, SourceFacts


def resolve_second_pass(recipe: ResolvedRecipe, offer: Offer, source: SourceFacts | None) -> ResolvedRecipe:
    """The recipe with its second pass answered; a size wins over the scale, one side follows from the other.

    Raises:
        InvalidField: a second pass of an inpainting, a size that cannot be, or one smaller than the first.
        UnknownSampler, UnknownPart: a name nothing answers to.
    """
    if recipe.mode is Mode.INPAINT:
        raise InvalidField("hires_scale", "an inpainting has no second pass", "1; enlarge the picture afterwards")
    first = (source.width_px, source.height_px) if recipe.mode is Mode.FINISH and source else _size(recipe)
    width_px, height_px = _target(recipe, first)
    check_size("hires_width_px", width_px, offer.max_side_px)
    check_size("hires_height_px", height_px, offer.max_side_px)
    if width_px < first[0] - SIZE_MULTIPLE_PX or height_px < first[1] - SIZE_MULTIPLE_PX:
        allowed = f"{first[0]}x{first[1]} and more"
        raise InvalidField("hires_width_px", f"{width_px}x{height_px} is smaller than the first pass", allowed)
    upscaler = offer.upscaler(recipe.hires_upscaler, latent=True)
    sampler = offer.sampler(recipe.sampler if recipe.hires_sampler in (SAME, AUTO) else recipe.hires_sampler)
    asked = recipe.hires_schedule
    follows = asked.lower() in (SAME, AUTO, "automatic", "")
    same_sampler = sampler.name == recipe.sampler
    schedule = recipe.schedule if follows and same_sampler else sampler.default_schedule if follows else asked
    return recipe.model_copy(
        update={
            "hires_width_px": width_px,
            "hires_height_px": height_px,
            "hires_upscaler": upscaler.name,
            "hires_upscaler_sha256": upscaler.sha256,
            "hires_steps": recipe.hires_steps or recipe.steps,
            "hires_sampler": sampler.name,
            "hires_schedule": offer.schedule(schedule),
            "hires_guidance_scale": recipe.hires_guidance_scale or recipe.guidance_scale,
            "hires_prompt": recipe.hires_prompt or recipe.prompt,
            "hires_negative_prompt": recipe.hires_negative_prompt or recipe.negative_prompt,
        }
    )


def _size(recipe: ResolvedRecipe) -> tuple[int, int]:
    return recipe.width_px, recipe.height_px


def _target(recipe: ResolvedRecipe, first: tuple[int, int]) -> tuple[int, int]:
    width_px, height_px = recipe.hires_width_px, recipe.hires_height_px
    if not width_px and not height_px:
        return _cells(first[0] * recipe.hires_scale), _cells(first[1] * recipe.hires_scale)
    if not width_px:
        width_px = _cells(height_px * first[0] / first[1])
    if not height_px:
        height_px = _cells(width_px * first[1] / first[0])
    return width_px, height_px


def _cells(pixels: float) -> int:
    return round(pixels / SIZE_MULTIPLE_PX) * SIZE_MULTIPLE_PX
