"""Normal numbers exactly as CUDA's generator draws them for torch.randn, without a GPU.

Owns Philox 4x32-10 (Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3") and the order in which torch
takes numbers from it. Element i of a draw is the first normal of thread i; each draw moves the counter by one. It
holds for draws that a GPU makes with one thread per element, which are those of latents up to about 2 megapixels; for
larger ones CUDA's own layout depends on the GPU's model.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Words = npt.NDArray[np.uint64]

# Salmon et al. 2011, table 2 and the reference implementation Random123 (philox.h): multipliers and Weyl increments.
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_INCREMENTS = (0x9E3779B9, 0xBB67AE85)
_MASK = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ROUNDS = 10


class PhiloxGenerator:
    """Draws like `torch.Generator("cuda")` seeded with `seed` (64 bits); draws follow one another."""

    def __init__(self, seed: int) -> None:
        self._key = (seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF)
        self._draws = 0

    def randn(self, shape: tuple[int, ...]) -> Tensor:
        """Unit normal, float32, of that shape."""
        count = math.prod(shape)
        zeros = np.zeros(count, dtype=np.uint64)
        # curand keeps the offset in the lower words of the counter, the thread (subsequence) in the upper ones.
        counter = [zeros + np.uint64(self._draws), zeros, np.arange(count, dtype=np.uint64), zeros]
        self._draws += 1
        words = philox_4x32(counter, self._key)
        return torch.from_numpy(_first_normal(words[0], words[1])).reshape(shape)


def philox_4x32(counter: list[Words], key: tuple[int, int]) -> list[Words]:
    """Ten rounds of Philox over four arrays of 32-bit words (held in 64 bits); Salmon et al. 2011, sec. 3.3."""
    a, b, c, d = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        first, second = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, b, c, d = (
            second >> _HALF ^ b ^ np.uint64(k0),
            second & _MASK,
            first >> _HALF ^ d ^ np.uint64(k1),
            first & _MASK,
        )
        k0, k1 = (k0 + _INCREMENTS[0]) & 0xFFFFFFFF, (k1 + _INCREMENTS[1]) & 0xFFFFFFFF
    return [a, b, c, d]


def _first_normal(first: Words, second: Words) -> npt.NDArray[np.float32]:
    """The Box-Muller transform as curand words it (curand_normal.h): the two uniforms are rounded to float32, which
    the tails show.
    """
    scale, turn = np.float32(2**-32), np.float32(2**-32 * 2 * math.pi)
    u = first.astype(np.float32) * scale + scale / np.float32(2)
    v = second.astype(np.float32) * turn + turn / np.float32(2)
    radius = np.sqrt(-2 * np.log(u.astype(np.float64)))
    normal: npt.NDArray[np.float32] = (radius * np.sin(v.astype(np.float64))).astype(np.float32)
    return normal
