"""The one noun: a recipe holds all it takes to make one picture again.

This package owns the recipe, its limits, the answer to every "auto", A1111's text form, and the words for progress.
It refuses to know networks, files and databases: what it must ask of them comes in as an ``Offer``.
"""

from __future__ import annotations

from studio.recipe.model import Emphasis, Mode, NoiseDevice, Recipe, ResolvedRecipe, Tiling
from studio.recipe.offer import CheckpointFacts, Offer, SamplerFacts, SourceFacts, UpscalerFacts
from studio.recipe.resolve import resolve
from studio.recipe.source import InpaintArea, MaskedContent, ResizeMode

__all__ = [
    "CheckpointFacts",
    "Emphasis",
    "InpaintArea",
    "MaskedContent",
    "Mode",
    "NoiseDevice",
    "Offer",
    "Recipe",
    "ResizeMode",
    "ResolvedRecipe",
    "SamplerFacts",
    "SourceFacts",
    "Tiling",
    "UpscalerFacts",
    "resolve",
]
