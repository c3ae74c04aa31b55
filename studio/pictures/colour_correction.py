"""Colours brought back to those of the source, by their means and deviations.

Method: Reinhard, Ashikhmin, Gooch and Shirley, "Color Transfer between Images", IEEE Computer Graphics and Applications
21(5), 2001, section 2; in CIE L*a*b* in place of their logarithmic space, which black pixels would rule.
"""

from __future__ import annotations

import numpy as np

from studio.pictures.picture import Bytes, Floats

LEAST_RATIO, MOST_RATIO = 0.5, 2.0
"""A deviation is at most halved or doubled, so that the grain of a flat picture does not become its subject."""

LEAST_SHARE = 0.001
"""With less of the picture than this to compare, there is nothing to learn from, and colours stay."""

_FROM_SRGB = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""Linear sRGB to CIE XYZ under D65: IEC 61966-2-1."""

_WHITE = _FROM_SRGB.sum(axis=1)

_LINEAR = np.where((ramp := np.arange(256) / 255) <= 0.04045, ramp / 12.92, ((ramp + 0.055) / 1.055) ** 2.4)
"""The sRGB transfer function for each of the 256 values: IEC 61966-2-1."""

_DELTA = 6 / 29
"""Where CIE L*a*b*'s cube root turns into a line: CIE 15."""


def colour_corrected(rgb: Bytes, reference: Bytes, where: Floats | None = None) -> Bytes:
    """``rgb`` with the mean and deviation of each L*a*b* channel of ``reference``; both (height, width, 3) uint8.

    ``where`` (height, width), 0..1, weighs which pixels are compared: the ones an inpainting leaves alone, say. All of
    ``rgb`` is corrected by what they tell.
    """
    if where is not None and where.mean() < LEAST_SHARE:
        return rgb
    lab, goal = to_lab(rgb), to_lab(reference)
    mean, deviation = _spread(lab, where)
    goal_mean, goal_deviation = _spread(goal, where)
    ratio = np.clip(goal_deviation / np.maximum(deviation, 1e-3), LEAST_RATIO, MOST_RATIO)
    return from_lab(((lab - mean) * ratio + goal_mean).astype(np.float32))


def to_lab(rgb: Bytes) -> Floats:
    """sRGB, (height, width, 3) uint8, as CIE L*a*b* under D65: lightness 0..100, a* and b* about -110..110, float32."""
    xyz = _LINEAR.astype(np.float32)[rgb] @ (_FROM_SRGB / _WHITE[:, None]).T.astype(np.float32)
    root = np.where(xyz > _DELTA**3, np.cbrt(xyz), xyz / (3 * _DELTA**2) + 4 / 29)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def from_lab(lab: Floats) -> Bytes:
    """The nearest sRGB colours, (height, width, 3) uint8."""
    y = (lab[..., 0] + 16) / 116
    root = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    xyz = np.where(root > _DELTA, root**3, 3 * _DELTA**2 * (root - 4 / 29)) * _WHITE
    linear = np.clip(xyz @ np.linalg.inv(_FROM_SRGB).T, 0, 1)
    value = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(value * 255 + 0.5).astype(np.uint8)


def _spread(lab: Floats, where: Floats | None) -> tuple[Floats, Floats]:
    """Weighted mean and deviation of the three channels."""
    pixels = lab.reshape(-1, 3).astype(np.float64)
    weights = None if where is None else where.reshape(-1)
    mean = np.average(pixels, axis=0, weights=weights)
    deviation = np.sqrt(np.average((pixels - mean) ** 2, axis=0, weights=weights))
    return mean.astype(np.float32), deviation.astype(np.float32)
