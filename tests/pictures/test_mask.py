"""Growing is exact, blurring is A1111's, and neither reaches farther than it says."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.pictures.mask import blur_reach_px, blurred, grown, white_region
from studio.pictures.picture import Bytes
from studio.pictures.region import masked_region


def speckled(seed: int, height_px: int, width_px: int, share: float = 0.05) -> Bytes:
    return np.where(np.random.default_rng(seed).random((height_px, width_px)) < share, 255, 0).astype(np.uint8)


def distance_to_white(mask: Bytes) -> np.ndarray:  # type: ignore[type-arg]
    y, x = np.nonzero(mask)
    rows, columns = np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]]
    return np.sqrt(((rows[..., None] - y) ** 2 + (columns[..., None] - x) ** 2).min(axis=-1))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 40), st.integers(1, 30))
def test_grown_is_every_pixel_within_the_distance(seed: int, height_px: int, width_px: int, by_px: int) -> None:
    mask = speckled(seed, height_px, width_px)
    if mask.any():
        assert np.array_equal(grown(mask, by_px) > 0, distance_to_white(mask) <= by_px)
    else:
        assert not grown(mask, by_px).any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 40), st.integers(1, 30))
def test_shrunk_is_every_pixel_farther_from_black(seed: int, height_px: int, width_px: int, by_px: int) -> None:
    mask = speckled(seed, height_px, width_px, 0.97)
    if (mask == 0).any():
        assert np.array_equal(grown(mask, -by_px) > 0, distance_to_white(255 - mask) > by_px)
    else:
        assert np.array_equal(grown(mask, -by_px), mask)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 90), st.integers(1, 90), st.integers(0, 30), st.integers(0, 30))
def test_blur_against_the_plain_sum(seed: int, height_px: int, width_px: int, blur_x_px: int, blur_y_px: int) -> None:
    mask = speckled(seed, height_px, width_px)
    expected = mask.astype(np.float64)
    for axis, blur_px in ((1, blur_x_px), (0, blur_y_px)):
        if blur_px:
            reach_px = int(2.5 * blur_px + 0.5)
            kernel = np.exp(-(np.arange(-reach_px, reach_px + 1) ** 2) / (2 * blur_px**2))
            margins = [(reach_px, reach_px) if axis == each else (0, 0) for each in (0, 1)]
            padded = np.pad(expected, margins, mode="reflect")
            expected = np.apply_along_axis(np.convolve, axis, padded, kernel / kernel.sum(), mode="valid")
    assert np.abs(blurred(mask, blur_x_px, blur_y_px) - expected).max() <= 0.51


@pytest.mark.parametrize("blur_px", [1, 4, 20, 64])
def test_blur_reaches_no_farther_than_it_says(blur_px: int) -> None:
    mask = np.zeros((500, 500), np.uint8)
    mask[240:260, 230:270] = 255
    reach_px = blur_reach_px(blur_px)
    soft = white_region(blurred(mask, blur_px, blur_px))
    allowed = white_region(mask).grown(reach_px, reach_px)  # type: ignore[union-attr]
    assert soft is not None and soft.left >= allowed.left and soft.right <= allowed.right
    assert soft.top >= allowed.top and soft.bottom <= allowed.bottom


def test_a_white_border_stays_white() -> None:
    assert blurred(np.full((50, 70), 255, np.uint8), 9, 30).min() == 255


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_masked_region(data: st.DataObject) -> None:
    width_px, height_px = data.draw(st.integers(1, 500)), data.draw(st.integers(1, 500))
    mask = np.zeros((height_px, width_px), np.uint8)
    left, top = data.draw(st.integers(0, width_px - 1)), data.draw(st.integers(0, height_px - 1))
    mask[top : data.draw(st.integers(top + 1, height_px)), left : data.draw(st.integers(left + 1, width_px))] = 255
    aspect = (data.draw(st.integers(8, 128)) * 8, data.draw(st.integers(8, 128)) * 8)
    padding_px = data.draw(st.integers(0, 64))
    white = white_region(mask)
    assert white is not None
    region = masked_region(white, padding_px, aspect, (width_px, height_px))
    padded = white.grown(padding_px, padding_px).within(width_px, height_px)
    assert region.left <= padded.left and region.right >= padded.right, "holds the padded mask"
    assert region.top <= padded.top and region.bottom >= padded.bottom
    assert region.within(width_px, height_px) == region, "lies in the picture"
    too_wide = region.width_px * aspect[1] - region.height_px * aspect[0]
    if abs(too_wide) > max(aspect):  # by more than a pixel of the region: only for want of room
        assert region.height_px == height_px if too_wide > 0 else region.width_px == width_px


def test_a_large_mask_costs_seconds_at_most() -> None:
    mask = np.zeros((4096, 4096), np.uint8)
    mask[300:3800, 300:3800] = 255
    began = time.monotonic()
    grown(mask, 100)
    blurred(mask, 64, 64)
    assert time.monotonic() - began < 20
