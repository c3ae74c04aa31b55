"""Surrounding colours flow into a hole: A1111's "fill", by an own method.

The picture is halved again and again with the hole left out of the averages (pull), until no hole is left; then each
level's holes take the colours of the next coarser one, smoothly enlarged (push). Near its rim a hole so shows the
colours beside it, deep inside the mean of its wider surroundings. The cost is that of a few copies of the picture.
Method: pull-push of Gortler, Grzeszczuk, Szeliski and Cohen, "The Lumigraph", SIGGRAPH 1996, section 3.4.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from studio.pictures.picture import OPAQUE, Bytes, Floats, Picture

_MIDDLE_GREY = 128.0


def opaque(picture: Picture) -> Bytes:
    """Its colours, (height, width, 3) uint8, where it is more than half transparent those around it.

    What a network should see of it: nobody has looked at the colours that lie under transparency.
    """
    return picture.rgb if picture.alpha is None else infilled(picture.rgb, picture.alpha < OPAQUE // 2 + 1)


def infilled(rgb: Bytes, hole: NDArray[np.bool_]) -> Bytes:
    """(height, width, 3) uint8 with the pixels where ``hole`` (height, width) coloured by what surrounds it.

    All other pixels are kept as they are. A picture that is all hole becomes middle grey.
    """
    if not hole.any():
        return rgb
    known = np.where(hole, np.float32(0), np.float32(1))
    flowed = _flowed(np.where(hole[..., None], np.float32(0), rgb.astype(np.float32)), known)
    answer = rgb.copy()
    answer[hole] = np.clip(flowed[hole] + 0.5, 0, 255).astype(np.uint8)
    return answer


def _flowed(weighted: Floats, weight: Floats) -> Floats:
    """Colours everywhere, from colours times weights (height, width, 3) and weights (height, width) in 0..1."""
    height_px, width_px = weight.shape
    if weight.min() >= 1:
        return weighted
    if height_px == 1 and width_px == 1:
        return weighted / weight[..., None] if weight.item() > 0 else np.full_like(weighted, _MIDDLE_GREY)
    coarse_weight = _halved(weight)
    coarse_weighted = np.stack([_halved(weighted[..., channel]) for channel in range(3)], axis=-1)
    # The sum of four weights is cut at 1: a cell with one known pixel is as sure as its colours get.
    sureness = np.minimum(coarse_weight, 1)
    coarse = np.asarray(coarse_weighted * (sureness / np.maximum(coarse_weight, 1e-6))[..., None], np.float32)
    from_below = _enlarged(_flowed(coarse, sureness), width_px, height_px)
    return weighted + from_below * (1 - weight)[..., None]


def _halved(values: Floats) -> Floats:
    """Sums over blocks of 2 x 2; an odd last row or column is a block of its own."""
    height_px, width_px = values.shape
    padded = np.pad(values, ((0, height_px % 2), (0, width_px % 2)))
    return np.asarray(padded[0::2, 0::2] + padded[1::2, 0::2] + padded[0::2, 1::2] + padded[1::2, 1::2])


def _enlarged(values: Floats, width_px: int, height_px: int) -> Floats:
    """Twice the size, smoothly, cut to ``width_px`` by ``height_px``."""
    size = (values.shape[1] * 2, values.shape[0] * 2)
    channels = [
        np.asarray(Pillow.fromarray(values[..., channel]).resize(size, Pillow.Resampling.BILINEAR))
        for channel in range(3)
    ]
    return np.stack(channels, axis=-1)[:height_px, :width_px]
