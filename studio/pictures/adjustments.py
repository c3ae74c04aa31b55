"""Brightness, contrast, saturation, temperature and sharpness, each from -1 to 1, where 0 changes nothing at all.

The formulas are those of docs/finish.md, simple enough that the page computes the same in the browser: one table of 256
values for brightness and contrast, one 3 x 3 matrix for saturation and temperature, one 5 x 5 kernel for sharpness.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from studio.pictures.picture import Bytes, Floats, Picture

LUMA = np.array([0.2126, 0.7152, 0.0722])
"""Weights of red, green and blue in a grey (ITU-R BT.709), on the sRGB values as they are."""

TEMPERATURE_GAIN = 0.3
"""How much more red and less blue there is at temperature 1."""

SHARPNESS_GAIN = 2.0
"""How many times the fine detail is added at sharpness 1; at -1 it is taken away once."""

BINOMIAL = np.array([1, 4, 6, 4, 1], np.float32) / np.float32(16)
"""The blur that sharpness compares with, along each axis."""

_ROWS_AT_ONCE = 256


def adjusted(
    picture: Picture,
    *,
    brightness: float = 0.0,
    contrast: float = 0.0,
    saturation: float = 0.0,
    temperature: float = 0.0,
    sharpness: float = 0.0,
) -> Picture:
    """The picture with its colours adjusted; alpha stays as it is, and with all at 0 so does everything."""
    rgb = picture.rgb
    if brightness or contrast or saturation or temperature:
        rgb = _coloured(rgb, tone_table(brightness, contrast), colour_matrix(saturation, temperature))
    if sharpness:
        rgb = _sharpened(rgb, sharpness)
    return Picture(rgb, picture.alpha)


def tone_table(brightness: float, contrast: float) -> Floats:
    """What each of the 256 values becomes, (256,) float32 in 0..255: a power for brightness, a line for contrast.

    Brightness keeps black and white where they are; contrast turns about the middle, and -1 leaves only that.
    """
    value = np.arange(256) / 255
    value = value ** (4.0**-brightness)
    value = (value - 0.5) * (1 + contrast) + 0.5
    return np.asarray(np.clip(value, 0, 1) * 255, np.float32)


def colour_matrix(saturation: float, temperature: float) -> Floats:
    """(3, 3) float32, from red, green and blue to the same. Greys keep their luma at every temperature."""
    about_grey = (1 + saturation) * np.eye(3) - saturation * LUMA
    warmth = np.array([1 + TEMPERATURE_GAIN * temperature, 1, 1 - TEMPERATURE_GAIN * temperature])
    return np.asarray(warmth[:, None] / (warmth @ LUMA) * about_grey, np.float32)


def _coloured(rgb: Bytes, table: Floats, matrix: Floats) -> Bytes:
    answer = np.empty_like(rgb)
    is_plain = np.array_equal(matrix, np.eye(3))
    for top in range(0, len(rgb), _ROWS_AT_ONCE):
        band = table[rgb[top : top + _ROWS_AT_ONCE]]
        answer[top : top + _ROWS_AT_ONCE] = _bytes(band if is_plain else band @ matrix.T)
    return answer


def _sharpened(rgb: Bytes, sharpness: float) -> Bytes:
    """Detail is the picture less its blur; edges are drawn out for the kernel."""
    amount = np.float32(sharpness * (SHARPNESS_GAIN if sharpness > 0 else 1))
    height_px, width_px = rgb.shape[:2]
    padded = np.pad(rgb, ((2, 2), (2, 2), (0, 0)), mode="edge")
    answer = np.empty_like(rgb)
    for top in range(0, height_px, _ROWS_AT_ONCE):
        rows = min(_ROWS_AT_ONCE, height_px - top)
        band = padded[top : top + rows + 4].astype(np.float32)
        columns = _weighted([band[tap : tap + rows] for tap in range(5)])
        soft = _weighted([columns[:, tap : tap + width_px] for tap in range(5)])
        sharp = band[2 : 2 + rows, 2 : 2 + width_px]
        answer[top : top + rows] = _bytes(sharp + amount * (sharp - soft))
    return answer


def _weighted(shifted: Sequence[Floats]) -> Floats:
    return np.asarray(np.tensordot(BINOMIAL, np.stack(shifted), 1))


def _bytes(values: Floats) -> Bytes:
    """Rounded half up and cut to 0..255, as the browser's clamped arrays do but for halves."""
    return np.asarray(np.clip(np.floor(values + np.float32(0.5)), 0, 255), np.uint8)
