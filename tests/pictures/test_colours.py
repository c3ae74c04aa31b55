"""Adjustments, colour correction, filling and sizes against independent values."""

from __future__ import annotations

import numpy as np
import pytest

from studio.errors import InvalidField
from studio.pictures import Picture, adjusted, colour_corrected, enlarged, extended, infilled, opaque, resized
from studio.pictures.colour_correction import from_lab, to_lab
from studio.recipe.source import ResizeMode

DICE = np.random.default_rng(3)
RGB = DICE.integers(0, 256, (40, 60, 3), np.uint8)


def one(value: tuple[int, int, int], **fields: float) -> list[int]:
    picture = adjusted(Picture(np.full((5, 5, 3), value, np.uint8)), **fields)
    return [int(channel) for channel in picture.rgb[2, 2]]


def test_zero_is_the_same_bytes() -> None:
    picture = Picture(RGB, RGB[..., 0].copy())
    answer = adjusted(picture, brightness=0.0, contrast=0.0, saturation=0.0, temperature=0.0, sharpness=0.0)
    assert np.array_equal(answer.rgb, RGB) and np.array_equal(answer.alpha, picture.alpha)


def test_adjustments_by_hand() -> None:
    assert one((64, 64, 64), brightness=0.5) == [128] * 3  # 255 * (64 / 255) ** 0.5 = 127.7
    assert one((0, 255, 0), brightness=-1.0) == [0, 255, 0]
    assert one((200, 100, 10), contrast=-1.0) == [128] * 3
    assert one((100, 150, 0), contrast=0.5) == [86, 161, 0]  # 127.5 + 1.5 * (v - 127.5)
    assert one((200, 100, 50), saturation=-1.0) == [118] * 3  # 0.2126 r + 0.7152 g + 0.0722 b = 117.65
    assert one((100, 100, 100), temperature=1.0) == [125, 96, 67]  # 130, 100, 70 over 1.04212
    assert one((90, 120, 30), sharpness=1.0) == [90, 120, 30], "flat colours have no detail"


def test_sharpness_against_the_plain_sum() -> None:
    kernel = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
    padded = np.pad(RGB.astype(float), ((2, 2), (2, 2), (0, 0)), mode="edge")
    soft = sum(kernel[y, x] * padded[y : y + 40, x : x + 60] for y in range(5) for x in range(5))
    for sharpness, gain in ((0.5, 1.0), (-1.0, -1.0)):
        expected = np.clip(RGB + gain * (RGB - soft), 0, 255)
        assert np.abs(adjusted(Picture(RGB), sharpness=sharpness).rgb - expected).max() <= 0.51


def test_lab_of_known_colours() -> None:
    """By the CIE formulas under D65: http://www.brucelindbloom.com."""
    lab = to_lab(np.array([[[255, 255, 255], [255, 0, 0], [0, 0, 255], [0, 0, 0]]], np.uint8))[0]
    assert np.abs(lab - [[100, 0, 0], [53.24, 80.09, 67.20], [32.30, 79.19, -107.86], [0, 0, 0]]).max() < 0.05
    assert np.abs(from_lab(to_lab(RGB)).astype(int) - RGB).max() <= 1


def test_a_colour_cast_is_taken_back() -> None:
    source = np.clip(DICE.normal((120, 110, 100), 30, (64, 64, 3)), 0, 255).astype(np.uint8)
    cast = np.clip(source * 0.8 + (40, 5, 0), 0, 255).astype(np.uint8)
    before, after = (
        np.abs(cast.astype(int) - source).mean(),
        np.abs(colour_corrected(cast, source) - source.astype(int)).mean(),
    )
    assert after < before / 4


def test_only_the_compared_pixels_teach() -> None:
    where = np.zeros((64, 64), np.float32)
    where[:, :32] = 1
    source = np.clip(DICE.normal(120, 20, (64, 64, 3)), 0, 255).astype(np.uint8)
    painted = source.copy()
    painted[:, 32:] = (255, 0, 0)
    assert np.abs(colour_corrected(painted, source, where).astype(int) - painted).max() <= 2
    assert np.array_equal(colour_corrected(painted, source, np.zeros((64, 64), np.float32)), painted)


def test_infill_takes_the_surroundings_and_keeps_the_rest() -> None:
    rgb = np.full((70, 90, 3), (200, 60, 20), np.uint8)
    hole = np.zeros((70, 90), bool)
    hole[20:50, 30:70] = True
    rgb[hole] = 255
    rgb[0, 0] = 7
    answer = infilled(rgb, hole)
    assert np.array_equal(answer[~hole], rgb[~hole]) and np.abs(answer[hole].astype(int) - (200, 60, 20)).max() <= 2
    assert (infilled(rgb, np.ones((70, 90), bool)) == 128).all()
    assert (opaque(Picture(rgb, np.where(hole, 0, 255).astype(np.uint8))) == answer).all()


@pytest.mark.parametrize("mode", list(ResizeMode))
@pytest.mark.parametrize("size", [(1, 1), (64, 64), (33, 200), (60, 40)])
def test_resized_has_the_size(mode: ResizeMode, size: tuple[int, int]) -> None:
    for picture in (Picture(RGB), Picture(RGB, RGB[..., 0].copy()), Picture(RGB[:1, :1])):
        answer = resized(picture, *size, mode)
        assert (answer.width_px, answer.height_px) == size and (answer.alpha is None) == (picture.alpha is None)


def test_crop_cuts_evenly_and_fill_draws_the_edges_out() -> None:
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 255
    assert (resized(Picture(wide), 20, 20, ResizeMode.CROP).rgb == 255).all()
    tall = np.zeros((60, 20, 3), np.uint8)
    tall[:, 10:] = 255
    filled = resized(Picture(tall), 60, 60, ResizeMode.FILL).rgb
    assert (filled[:, :20] == 0).all() and (filled[:, 40:] == 255).all()


def test_extended_is_transparent_room() -> None:
    answer = extended(Picture(RGB), 3, 4, 5, 6)
    assert (answer.width_px, answer.height_px) == (67, 51) and answer.alpha is not None
    assert np.array_equal(answer.rgb[5:45, 3:63], RGB) and answer.alpha[5:45, 3:63].min() == 255
    assert int(answer.alpha.astype(int).sum()) == 255 * 60 * 40


def test_enlarged() -> None:
    assert np.array_equal(enlarged(Picture(RGB), 120, 80, "Nearest").rgb, RGB.repeat(2, axis=0).repeat(2, axis=1))
    assert enlarged(Picture(RGB), 120, 80, "Lanczos").width_px == 120
    with pytest.raises(InvalidField, match="Lanczos, Nearest"):
        enlarged(Picture(RGB), 120, 80, "ESRGAN")
