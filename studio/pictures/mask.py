"""Masks: where they are white, grown and shrunk by exact discs, blurred as A1111 blurs them.

A mask is (height, width) uint8. The cost of growing and blurring follows the part that is white, not the whole size.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from studio.pictures.picture import Bytes, Floats
from studio.pictures.region import Region

WHITE = 255

PAINTED = 128
"""From this grey on a mask is white, wherever it must be either."""

_ROWS_AT_ONCE = 256
"""Rows are worked on in bands of this many, so that floats of a whole 4096 x 4096 mask are never in memory."""

_MOST_DIRECT_TAPS = 64
"""Kernels up to this long are summed tap by tap; beyond it the Fourier transform is faster."""


def white_region(mask: Bytes, least: int = 1) -> Region | None:
    """The smallest region that holds every value from ``least`` on, or ``None`` if there is none."""
    rows = np.flatnonzero(mask.max(axis=1) >= least)
    if not rows.size:
        return None
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].max(axis=0) >= least)
    return Region(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def black_and_white(mask: Bytes) -> Bytes:
    """White from `PAINTED` on, black below."""
    return np.where(mask >= PAINTED, np.uint8(WHITE), np.uint8(0))


def blur_reach_px(blur_px: int) -> int:
    """How far a blur spreads, in pixels: half of A1111's kernel of ``2 * int(2.5 * blur + 0.5) + 1`` taps."""
    return int(2.5 * blur_px + 0.5)


def blurred(mask: Bytes, blur_x_px: int, blur_y_px: int) -> Bytes:
    """The mask under a separable Gaussian of deviations ``blur_x_px`` and ``blur_y_px``, rounded to 8 bits.

    It reaches `blur_reach_px` and not a pixel farther. The picture is mirrored beyond its borders (OpenCV's
    ``BORDER_REFLECT_101``, which A1111 uses), so a mask that touches a border stays white there.
    """
    white = white_region(mask)
    if white is None or (blur_x_px <= 0 and blur_y_px <= 0):
        return mask
    reach_x_px, reach_y_px = blur_reach_px(blur_x_px), blur_reach_px(blur_y_px)
    # One pixel more than it reaches: mirrored at its own last pixel, the part would count its white twice there.
    place = white.grown(reach_x_px + 1, reach_y_px + 1).within(mask.shape[1], mask.shape[0]).place
    across = _blurred_rows(mask[place].astype(np.float32), blur_x_px)
    both = _blurred_rows(across.T, blur_y_px).T
    answer = np.zeros_like(mask)
    answer[place] = np.clip(both + 0.5, 0, WHITE).astype(np.uint8)
    return answer


def grown(mask: Bytes, by_px: int) -> Bytes:
    """The mask in black and white, its white reaching ``by_px`` farther; below 0 its black does instead.

    Distances are Euclidean and exact, between centres of pixels. Beyond the picture nothing is black, so a white border
    stays when shrinking.
    """
    if by_px == 0:
        return mask
    if by_px < 0:
        return WHITE - grown(WHITE - black_and_white(mask), -by_px)
    answer = np.zeros_like(mask)
    white = white_region(mask, PAINTED)
    if white is not None:
        place = white.grown(by_px, by_px).within(mask.shape[1], mask.shape[0]).place
        answer[place] = _dilated(mask[place] >= PAINTED, by_px)
    return answer


def _dilated(is_white: NDArray[np.bool_], by_px: int) -> Bytes:
    """White within ``by_px`` of white.

    A pixel whose nearest white in its own column is d rows away is in the discs of that white's neighbours up to
    sqrt(by² - d²) columns off, so it stands for a run of its row, and a row's white is the union of its runs: a count
    of the opened less the closed ones. That costs the same for every radius.
    """
    height_px, width_px = is_white.shape
    away = _rows_to_white(is_white, most=by_px + 1)
    half_runs = np.array([math.isqrt(by_px * by_px - d * d) for d in range(by_px + 1)], np.int64)
    answer = np.empty((height_px, width_px), np.uint8)
    for top in range(0, height_px, _ROWS_AT_ONCE):
        band = away[top : top + _ROWS_AT_ONCE]
        rows, columns = np.nonzero(band <= by_px)
        half = half_runs[band[rows, columns]]
        row_starts, cells = rows * (width_px + 1), len(band) * (width_px + 1)
        opened = np.bincount(row_starts + np.maximum(columns - half, 0), minlength=cells)
        closed = np.bincount(row_starts + np.minimum(columns + half + 1, width_px), minlength=cells)
        runs = np.cumsum((opened - closed).reshape(len(band), width_px + 1), axis=1)[:, :width_px]
        answer[top : top + len(band)] = np.where(runs > 0, np.uint8(WHITE), np.uint8(0))
    return answer


def _rows_to_white(is_white: NDArray[np.bool_], most: int) -> NDArray[np.int32]:
    """Rows from each pixel to the nearest white of its column, at most ``most``."""
    height_px = is_white.shape[0]
    row = np.arange(height_px, dtype=np.int32)[:, None]
    above = np.maximum.accumulate(np.where(is_white, row, np.int32(-most)), axis=0)
    below = np.minimum.accumulate(np.where(is_white, row, np.int32(height_px + most))[::-1], axis=0)[::-1]
    return np.minimum(np.minimum(row - above, below - row), np.int32(most))


def _blurred_rows(values: Floats, blur_px: int) -> Floats:
    """(height, width) float32 under a Gaussian along its rows, in bands."""
    reach_px = blur_reach_px(blur_px)
    if reach_px == 0:
        return values
    kernel = np.exp(-(np.arange(-reach_px, reach_px + 1) ** 2) / (2.0 * blur_px**2))
    kernel = (kernel / kernel.sum()).astype(np.float32)
    convolved = _convolved_directly if len(kernel) <= _MOST_DIRECT_TAPS else _convolved_by_fourier
    answer = np.empty(values.shape, np.float32)
    for top in range(0, len(values), _ROWS_AT_ONCE):
        band = np.pad(values[top : top + _ROWS_AT_ONCE], ((0, 0), (reach_px, reach_px)), mode="reflect")
        answer[top : top + _ROWS_AT_ONCE] = convolved(band, kernel)
    return answer


def _convolved_directly(band: Floats, kernel: Floats) -> Floats:
    """(height, width + taps - 1) to (height, width), tap by tap."""
    width_px = band.shape[1] - len(kernel) + 1
    sums = np.zeros((len(band), width_px), np.float32)
    for tap, weight in enumerate(kernel):
        sums += weight * band[:, tap : tap + width_px]
    return sums


def _convolved_by_fourier(band: Floats, kernel: Floats) -> Floats:
    """The same by multiplying spectra; what wraps around falls into the padding."""
    spectrum = np.fft.rfft(band) * np.fft.rfft(kernel, band.shape[1])
    return np.fft.irfft(spectrum, band.shape[1])[:, len(kernel) - 1 :].astype(np.float32)
