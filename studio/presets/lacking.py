"""What a preset names that is not here: a checkpoint, a LoRA, a sampler … said with the field that names it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from studio.errors import ModelError, NotFound
from studio.library import Library
from studio.offer import StudioOffer
from studio.recipe import Recipe
from studio.recipe.finish import NO_UPSCALER, SAME
from studio.recipe.model import AUTO, OWN_VAE
from studio.recipe.presets import Preset

_TAG = re.compile(r"<(?:lora|lyco):([^:<>]+)(?::[^<>]*)?>")
_WORDS = ("prompt", "negative_prompt", "hires_prompt", "hires_negative_prompt")
_ANY = {AUTO, "automatic", "none", SAME, OWN_VAE, "", NO_UPSCALER.lower()}
"""Names that leave the choice to somebody else."""


def lacking(preset: Preset, library: Library, offer: StudioOffer) -> str | None:
    """The first thing that a preset names and this studio does not have, in a sentence; ``None`` when all is here."""
    recipe = Recipe().with_fields(preset.fields)
    for field, name, look in _named(recipe, library, offer):
        try:
            look(name)
        except (NotFound, ModelError) as error:
            return f"{field}: {error}"
    return None


def _named(recipe: Recipe, library: Library, offer: StudioOffer) -> Iterator[tuple[str, str, Callable[[str], object]]]:
    looks: dict[str, Callable[[str], object]] = {
        "checkpoint": lambda name: library.find(name, hashed=False),
        "vae": lambda name: library.part("vae", name, hashed=False),
        "sampler": offer.sampler,
        "schedule": offer.schedule,
        "hires_sampler": offer.sampler,
        "hires_schedule": offer.schedule,
        "upscaler": lambda name: _upscaler(name, library, offer),
        "hires_upscaler": lambda name: _upscaler(name, library, offer),
    }
    for field, look in looks.items():
        name = getattr(recipe, field)
        if name.strip().lower() not in _ANY:
            yield field, name, look
    for field in _WORDS:
        for name in _TAG.findall(getattr(recipe, field)):
            yield field, name.strip(), lambda name: library.part("lora", name, hashed=False)


def _upscaler(name: str, library: Library, offer: StudioOffer) -> None:
    """By name alone: asking the offer for an upscaler reads its file to the end."""
    known = {one.facts.name.casefold() for one in offer.upscalers()}
    if name.strip().casefold() not in known:
        library.part("upscaler", name, hashed=False)
