"""Sizes: what the network sees when nobody said, and what comes out at the end."""

from __future__ import annotations

import math

from studio.errors import InvalidField
from studio.recipe.limits import SIZE_MULTIPLE_PX, check_size
from studio.recipe.model import Mode, Recipe, ResolvedRecipe
from studio.recipe.offer import CheckpointFacts, SourceFacts
from studio.recipe.source import InpaintArea, ResizeMode

LEAST_PX = 64


def first_size(
    recipe: Recipe, checkpoint: CheckpointFacts, source: SourceFacts | None, max_side_px: int
) -> tuple[int, int]:
    """Width and height of the first pass, in pixels. Raises `InvalidField` for a size that cannot be."""
    if recipe.mode is Mode.FINISH and source is not None:
        return source.width_px, source.height_px
    width_px, height_px = _automatic(recipe, checkpoint.native_size_px, source, max_side_px)
    aspect = _aspect(recipe, source)
    if recipe.width_px is not None:
        # With a source, one side alone keeps its aspect; without, the other is the checkpoint's own.
        height_px = _cells(recipe.width_px / aspect, max_side_px) if aspect else height_px
        width_px = recipe.width_px
    if recipe.height_px is not None:
        if recipe.width_px is None and aspect:
            width_px = _cells(recipe.height_px * aspect, max_side_px)
        height_px = recipe.height_px
    check_size("width_px", width_px, max_side_px)
    check_size("height_px", height_px, max_side_px)
    return width_px, height_px


def output_size(recipe: ResolvedRecipe, source: SourceFacts | None) -> tuple[int, int]:
    """Width and height of the finished picture, in pixels."""
    width_px, height_px = recipe.width_px, recipe.height_px
    if recipe.mode is Mode.INPAINT and source is not None:
        if recipe.resize_mode not in (ResizeMode.CROP, ResizeMode.FILL):
            width_px, height_px = source.width_px, source.height_px
        width_px, height_px = extended_size(recipe, width_px, height_px)
    if recipe.has_second_pass:
        width_px, height_px = recipe.hires_width_px, recipe.hires_height_px
    if recipe.upscale > 1 and recipe.upscaler != "None":
        width_px, height_px = round(width_px * recipe.upscale), round(height_px * recipe.upscale)
    return width_px, height_px


def check_output(recipe: ResolvedRecipe, source: SourceFacts | None, max_side_px: int) -> None:
    """Raise `InvalidField` when the finished picture would be larger than this studio makes.

    A source that is larger already may keep its size.
    """
    width_px, height_px = output_size(recipe, source)
    most_px = max(max_side_px, source.width_px if source else 0, source.height_px if source else 0)
    if max(width_px, height_px) > most_px:
        field = "upscale" if recipe.upscale > 1 else "outpaint_left_px"
        raise InvalidField(field, f"would make a picture of {width_px}x{height_px}", f"sides up to {most_px}")


def extended_size(recipe: Recipe | ResolvedRecipe, width_px: int, height_px: int) -> tuple[int, int]:
    """A size with the sides that outpainting adds."""
    return (
        width_px + recipe.outpaint_left_px + recipe.outpaint_right_px,
        height_px + recipe.outpaint_top_px + recipe.outpaint_bottom_px,
    )


def _aspect(recipe: Recipe, source: SourceFacts | None) -> float | None:
    """That of what the network sees of the source; None where it does not follow the source."""
    if source is None or (recipe.mode is Mode.INPAINT and recipe.inpaint_area is InpaintArea.MASKED):
        return None
    width_px, height_px = source.width_px, source.height_px
    if recipe.mode is Mode.INPAINT:
        width_px, height_px = extended_size(recipe, width_px, height_px)
    return width_px / height_px


def _automatic(recipe: Recipe, native_px: int, source: SourceFacts | None, max_side_px: int) -> tuple[int, int]:
    """The source's aspect at the checkpoint's own area; a source no larger than that keeps its size."""
    if source is None or (recipe.mode is Mode.INPAINT and recipe.inpaint_area is InpaintArea.MASKED):
        return native_px, native_px
    width_px, height_px = source.width_px, source.height_px
    if recipe.mode is Mode.INPAINT:
        width_px, height_px = extended_size(recipe, width_px, height_px)
    whole = width_px % SIZE_MULTIPLE_PX == 0 == height_px % SIZE_MULTIPLE_PX
    if whole and min(width_px, height_px) >= LEAST_PX and width_px * height_px <= native_px**2:
        return width_px, height_px
    scale = native_px / math.sqrt(width_px * height_px)
    return _cells(width_px * scale, max_side_px), _cells(height_px * scale, max_side_px)


def _cells(pixels: float, max_side_px: int) -> int:
    nearest = round(pixels / SIZE_MULTIPLE_PX) * SIZE_MULTIPLE_PX
    return min(max(nearest, LEAST_PX), max_side_px)
