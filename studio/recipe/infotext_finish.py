"""The pairs of an infotext about what comes after the first pass: the second one, upscaling, and adjustments.

Keys are A1111's where it has one (``Hires …`` of its form, ``Postprocess …`` of its extras), ``Hires CFG Scale`` is
Forge's, the rest our own. What the second pass shares with the first is left out, as A1111 does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from studio.recipe.finish import SAME, FinishFields
from studio.recipe.infotext_source import STRENGTH
from studio.recipe.model import Mode, ResolvedRecipe
from studio.recipe.parameter_line import number_text
from studio.recipe.schedule_labels import label_of, sampler_and_schedule

A1111_SCALE = 2.0
"""What A1111 takes for a second pass whose text says neither scale nor size."""

_OWN_STRENGTH = "Hires denoising strength"
_SCALE, _RESIZE, _UPSCALER = "Hires upscale", "Hires resize", "Hires upscaler"
_SAMPLER, _SCHEDULE = "Hires sampler", "Hires schedule type"
_SAME_WORDS = ("use same sampler", "use same scheduler")
_SECOND_PASS = {
    _SCALE: "hires_scale",
    _UPSCALER: "hires_upscaler",
    "Hires steps": "hires_steps",
    "Hires prompt": "hires_prompt",
    "Hires negative prompt": "hires_negative_prompt",
    "Hires CFG Scale": "hires_guidance_scale",
    _OWN_STRENGTH: "hires_denoising_strength",
}
_FINISH = {
    "Postprocess upscaler": "upscaler",
    "Postprocess upscale by": "upscale",
    "Adjust brightness": "brightness",
    "Adjust contrast": "contrast",
    "Adjust saturation": "saturation",
    "Adjust temperature": "temperature",
    "Adjust sharpness": "sharpness",
}

FINISH_KEYS = frozenset((*_SECOND_PASS, _RESIZE, _SAMPLER, _SCHEDULE, *_FINISH))


def shows_second_pass(pairs: Mapping[str, str]) -> bool:
    """Whether a text means a second pass: a strength, and any of scale, size and upscaler, as A1111 infers it."""
    has_strength = STRENGTH in pairs or _OWN_STRENGTH in pairs
    return has_strength and any(key in pairs for key in (_SCALE, _RESIZE, _UPSCALER))


def strength_of(recipe: ResolvedRecipe) -> float | None:
    """The strength that stands under A1111's key: the first pass's, else the second's."""
    if recipe.mode in (Mode.IMAGE, Mode.INPAINT):
        return recipe.denoising_strength
    return recipe.hires_denoising_strength if recipe.has_second_pass else None


def second_pass_pairs(recipe: ResolvedRecipe) -> Iterator[tuple[str, str]]:
    """What a text says of the second pass, nothing where there is none."""
    if not recipe.has_second_pass:
        return
    if recipe.hires_scale != 1:
        yield _SCALE, number_text(recipe.hires_scale)
    yield _RESIZE, f"{recipe.hires_width_px}x{recipe.hires_height_px}"
    yield "Hires steps", str(recipe.hires_steps)
    yield _UPSCALER, recipe.hires_upscaler
    same_sampler = recipe.hires_sampler == recipe.sampler
    if not same_sampler:
        yield _SAMPLER, recipe.hires_sampler
    if not same_sampler or recipe.hires_schedule != recipe.schedule:
        yield _SCHEDULE, label_of(recipe.hires_schedule)
    if recipe.hires_prompt != recipe.prompt:
        yield "Hires prompt", recipe.hires_prompt
    if recipe.hires_negative_prompt != recipe.negative_prompt:
        yield "Hires negative prompt", recipe.hires_negative_prompt
    if recipe.hires_guidance_scale != recipe.guidance_scale:
        yield "Hires CFG Scale", number_text(recipe.hires_guidance_scale)
    if recipe.mode in (Mode.IMAGE, Mode.INPAINT):
        # A1111's key holds the first pass's: its second passes start from text alone.
        yield _OWN_STRENGTH, number_text(recipe.hires_denoising_strength)


def second_pass_fields(pairs: Mapping[str, str], mode: Mode) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each key of a second pass that is there with the fields it sets; nothing for a text that means none."""
    if not shows_second_pass(pairs):
        return
    if _SCALE not in pairs and _RESIZE not in pairs:
        yield "", {"hires_scale": A1111_SCALE}
    if mode not in (Mode.IMAGE, Mode.INPAINT) and STRENGTH in pairs:
        yield STRENGTH, {"hires_denoising_strength": pairs[STRENGTH]}
    for key, name in _SECOND_PASS.items():
        if key in pairs:
            yield key, {name: pairs[key]}
    if _RESIZE in pairs:
        width_px, _, height_px = pairs[_RESIZE].partition("x")
        yield _RESIZE, {"hires_width_px": width_px, "hires_height_px": height_px}
    yield from _sampler_fields(pairs)


def finish_pairs(recipe: ResolvedRecipe) -> Iterator[tuple[str, str]]:
    """What a text says of upscaling and adjustments."""
    for key, name in _FINISH.items():
        value = getattr(recipe, name)
        if value != FinishFields.model_fields[name].default:
            yield key, value if isinstance(value, str) else number_text(value)


def finish_fields(pairs: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each key of a finish that is there with the field it sets."""
    for key, name in _FINISH.items():
        if key in pairs:
            yield key, {name: pairs[key]}


def _sampler_fields(pairs: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    sampler, schedule = pairs.get(_SAMPLER, ""), pairs.get(_SCHEDULE, "")
    name, found = sampler_and_schedule(sampler, schedule or _SAME_WORDS[1])
    if _SAMPLER in pairs:
        yield _SAMPLER, {"hires_sampler": SAME if sampler.lower() in _SAME_WORDS else name}
    if _SCHEDULE in pairs or name != sampler:
        yield _SCHEDULE, {"hires_schedule": SAME if found.lower() in _SAME_WORDS else found}
