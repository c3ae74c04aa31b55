"""Other sizes: stretched, cut to another aspect, edges drawn out, more room on a side, enlarged at the end."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pillow

from studio.errors import InvalidField
from studio.pictures.picture import OPAQUE, Bytes, Picture
from studio.pictures.region import Region
from studio.recipe.finish import PLAIN_UPSCALERS
from studio.recipe.source import ResizeMode

_FILTERS = {"Lanczos": Pillow.Resampling.LANCZOS, "Nearest": Pillow.Resampling.NEAREST}


def resized(picture: Picture, width_px: int, height_px: int, mode: ResizeMode) -> Picture:
    """The picture at exactly ``width_px`` by ``height_px``, by Lanczos.

    ``CROP`` keeps the aspect and cuts off what sticks out, evenly on both sides; ``FILL`` keeps all of it and draws its
    edge rows or columns out into the rest. ``LATENT`` is up to the engine: pixels are stretched for it.
    """
    if (picture.width_px, picture.height_px) == (width_px, height_px):
        return picture
    if mode is ResizeMode.CROP:
        return _stretched(_cut_to_aspect(picture, width_px, height_px), width_px, height_px)
    if mode is ResizeMode.FILL:
        inner_width_px, inner_height_px = fitting_size(picture.width_px, picture.height_px, width_px, height_px)
        inner = _stretched(picture, inner_width_px, inner_height_px)
        left, top = (width_px - inner_width_px) // 2, (height_px - inner_height_px) // 2
        right, bottom = width_px - inner_width_px - left, height_px - inner_height_px - top
        alpha = None if inner.alpha is None else edges_drawn_out(inner.alpha, left, right, top, bottom)
        return Picture(edges_drawn_out(inner.rgb, left, right, top, bottom), alpha)
    return _stretched(picture, width_px, height_px)


def extended(picture: Picture, left: int, right: int, top: int, bottom: int) -> Picture:
    """The picture with that many pixels of room on its sides: transparent, in the drawn-out colours of its edges."""
    if not (left or right or top or bottom):
        return picture
    alpha = np.full((picture.height_px, picture.width_px), OPAQUE, np.uint8) if picture.alpha is None else picture.alpha
    margins = ((top, bottom), (left, right))
    return Picture(edges_drawn_out(picture.rgb, left, right, top, bottom), np.pad(alpha, margins))


def enlarged(picture: Picture, width_px: int, height_px: int, upscaler: str) -> Picture:
    """The picture at another size by one of the upscalers that need no model.

    Raises:
        InvalidField: ``upscaler`` is none of `PLAIN_UPSCALERS`.
    """
    if upscaler not in _FILTERS:
        raise InvalidField("upscaler", f"{upscaler!r} needs a model or does not exist", ", ".join(PLAIN_UPSCALERS))
    return _stretched(picture, width_px, height_px, _FILTERS[upscaler])


def fitting_size(width_px: int, height_px: int, most_width_px: int, most_height_px: int) -> tuple[int, int]:
    """The largest size of the aspect ``width_px`` : ``height_px`` within a frame, whole pixels, at least one."""
    if width_px * most_height_px >= height_px * most_width_px:
        return most_width_px, max(1, round(height_px * most_width_px / width_px))
    return max(1, round(width_px * most_height_px / height_px)), most_height_px


def edges_drawn_out(values: Bytes, left: int, right: int, top: int, bottom: int) -> Bytes:
    """(height, width[, channels]) with its outermost rows and columns repeated that many times."""
    margins = [(top, bottom), (left, right)] + [(0, 0)] * (values.ndim - 2)
    return np.pad(values, margins, mode="edge")


def _cut_to_aspect(picture: Picture, width_px: int, height_px: int) -> Picture:
    kept_width_px, kept_height_px = fitting_size(width_px, height_px, picture.width_px, picture.height_px)
    left, top = (picture.width_px - kept_width_px) // 2, (picture.height_px - kept_height_px) // 2
    return picture.cut(Region(left, top, left + kept_width_px, top + kept_height_px))


def _stretched(
    picture: Picture, width_px: int, height_px: int, filter_: Pillow.Resampling = Pillow.Resampling.LANCZOS
) -> Picture:
    size = (width_px, height_px)
    if (picture.width_px, picture.height_px) == size:
        return picture
    if picture.alpha is None or filter_ is Pillow.Resampling.NEAREST:
        return Picture.from_pillow(picture.to_pillow().resize(size, filter_))
    return _stretched_by_opacity(picture.rgb, picture.alpha, size, filter_)


def _stretched_by_opacity(rgb: Bytes, alpha: Bytes, size: tuple[int, int], filter_: Pillow.Resampling) -> Picture:
    """Colours count by their alpha, so what is transparent does not bleed.

    In floats, because Lanczos overshoots: Pillow cuts alpha at 255 but not the colours under it, which then glow.
    """
    opacity = alpha.astype(np.float32) / np.float32(OPAQUE)
    shown = np.asarray(Pillow.fromarray(opacity).resize(size, filter_))
    answer = np.empty((size[1], size[0], 3), np.uint8)
    for channel in range(3):
        weighted = Pillow.fromarray(rgb[..., channel] * opacity).resize(size, filter_)
        colour = np.asarray(weighted) / np.maximum(shown, np.float32(1 / OPAQUE))
        answer[..., channel] = np.clip(colour + np.float32(0.5), 0, 255)
    return Picture(answer, np.clip(shown * OPAQUE + np.float32(0.5), 0, OPAQUE).astype(np.uint8))
