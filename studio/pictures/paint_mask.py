"""Where an inpainting paints: the mask a recipe means, over the source brought to where it is painted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow

from studio.errors import InvalidField
from studio.pictures.mask import PAINTED, WHITE, black_and_white, blur_reach_px, blurred, grown, white_region
from studio.pictures.picture import Bytes, Picture
from studio.pictures.region import Region
from studio.pictures.sizes import extended, resized
from studio.recipe.model import ResolvedRecipe
from studio.recipe.source import ResizeMode

SAME_ASPECT = 0.01
"""A mask may be of another size than its source if their aspects differ by at most this share."""


@dataclass(frozen=True, eq=False)
class PaintMask:
    """The part of a mask whose blur is not black: ``region`` of the picture, and over it, (height, width) uint8,
    ``painted``, where to paint (only black and white, but for soft inpainting), and ``weight``, the same blurred.
    """

    region: Region
    painted: Bytes
    weight: Bytes


def canvas(source: Picture, mask: Bytes | None, recipe: ResolvedRecipe) -> tuple[Picture, Bytes]:
    """The picture to paint on and its mask, full size, neither grown nor blurred.

    The source is cut or filled to the recipe's size where the recipe says so, then extended for outpainting. Without a
    mask, what is transparent in it is painted; the new room always is.

    Raises:
        InvalidField: the mask does not fit the source.
    """
    wanted = _transparency(source) if mask is None else _fitted(mask, source)
    if recipe.mask_invert:
        wanted = WHITE - wanted
    if recipe.resize_mode in (ResizeMode.CROP, ResizeMode.FILL):
        source = resized(source, recipe.width_px, recipe.height_px, recipe.resize_mode)
        wanted = _resized(wanted, recipe.width_px, recipe.height_px, recipe.resize_mode)
    # The new room must not shrink with the mask: nothing lies under it.
    wanted = grown(wanted, min(recipe.mask_grow_px, 0))
    left, right = recipe.outpaint_left_px, recipe.outpaint_right_px
    top, bottom = recipe.outpaint_top_px, recipe.outpaint_bottom_px
    if left or right or top or bottom:
        wanted = np.pad(wanted, ((top, bottom), (left, right)), constant_values=WHITE)
    return extended(source, left, right, top, bottom), wanted


def paint_mask(wanted: Bytes, recipe: ResolvedRecipe) -> PaintMask:
    """The mask of `canvas`, grown and blurred, as far as it is not black.

    Greys count in soft inpainting only; elsewhere they are cut at the middle, so that the faint noise of a JPEG mask
    paints nothing.

    Raises:
        InvalidField: nothing is to be painted.
    """
    height_px, width_px = wanted.shape
    white = white_region(wanted, 1 if recipe.soft_inpainting else PAINTED)
    if white is None:
        raise InvalidField(
            "mask", "leaves nothing to paint", "some white, a transparent part of the picture, or room to outpaint"
        )
    grow_px = max(recipe.mask_grow_px, 0)
    reach_x_px, reach_y_px = blur_reach_px(recipe.mask_blur_x_px), blur_reach_px(recipe.mask_blur_y_px)
    # One pixel more than the blur reaches, as in `blurred`: only the picture's own borders may mirror.
    region = white.grown(grow_px + reach_x_px + 1, grow_px + reach_y_px + 1).within(width_px, height_px)
    painted = wanted[region.place]
    painted = grown(painted if recipe.soft_inpainting else black_and_white(painted), grow_px)
    weight = blurred(painted, recipe.mask_blur_x_px, recipe.mask_blur_y_px)
    seen = white_region(weight)
    if seen is None:
        raise InvalidField("mask", "is so small that its blur leaves nothing of it", "a larger mask, or less blur")
    return PaintMask(seen.counted_from(-region.left, -region.top), painted[seen.place], weight[seen.place])


def _transparency(source: Picture) -> Bytes:
    if source.alpha is None:
        return np.zeros((source.height_px, source.width_px), np.uint8)
    return WHITE - black_and_white(source.alpha)


def _fitted(mask: Bytes, source: Picture) -> Bytes:
    height_px, width_px = mask.shape
    if (width_px, height_px) == (source.width_px, source.height_px):
        return mask
    aspects = width_px * source.height_px / (height_px * source.width_px)
    if abs(aspects - 1) > SAME_ASPECT:
        size = f"{source.width_px} x {source.height_px}"
        raise InvalidField("mask", f"{width_px} x {height_px} pixels do not fit the picture", f"{size}, or its aspect")
    return _resized(mask, source.width_px, source.height_px, ResizeMode.STRETCH)


def _resized(mask: Bytes, width_px: int, height_px: int, mode: ResizeMode) -> Bytes:
    grey = Picture.from_pillow(Pillow.fromarray(mask).convert("RGB"))
    return np.ascontiguousarray(resized(grey, width_px, height_px, mode).rgb[..., 0])
