"""One Brownian path per seed, whose increments are the noise of SDE samplers.

Asked for the noise between any two levels it always answers from the same path: the noise of a long step is made of
that of the short ones within it. So a picture made with more steps stays the same picture. The order and number of
questions make no difference.
"""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor

HIGHEST_SIGMA, LOWEST_SIGMA = 1e5, 1e-4

# A place on the path is a whole number: the 2^48 parts of the range of log sigma.
_BITS = 48
_END = 1 << _BITS

# Levels are rounded to the coarsest grid, no coarser than this, on which a step has at least so many cells: each bit
# is one more draw.
_LEAST_BITS = 16
_LEAST_CELLS = 16


class BrownianPath:
    """A path over the clock 1 / sigma^2, the pace at which x / sigma^2 gathers noise in the reverse SDE.

    (dx = 2 (x - D) / sigma dsigma + sqrt(2 sigma) dW: Karras et al. 2022, eq. 6 with beta = 1 / sigma.)

    Built by halving (Levy's construction; Karatzas and Shreve 1991, sec. 2.3): a point in the middle is drawn given
    the two around it, from a generator seeded with `seed` and its place. `shape` is that of one increment, float32.
    """

    def __init__(self, seed: int, shape: tuple[int, ...]) -> None:
        self._seed = seed
        self._shape = shape
        self._generator = torch.Generator()
        self._known = {0: torch.zeros(shape), _END: self._drawn(_END) * math.sqrt(_clock(_END) - _clock(0))}

    def increment(self, sigma: float, sigma_next: float) -> Tensor:
        """The path's increment from one level to the other, divided by its deviation: unit normal.

        Raises ValueError for levels outside 0.0001 to 100000, or too near to each other to be told apart.
        """
        place, place_next = _places(sigma, sigma_next)
        # Steps begin where the last one ended, and share most of the way there: only this step's points are kept.
        passed = {end: self._known[end] for end in (0, _END)}
        increment = self._value(place_next, passed) - self._value(place, passed)
        self._known = passed
        return increment / math.sqrt(abs(_clock(place_next) - _clock(place)))

    def _value(self, place: int, passed: dict[int, Tensor]) -> Tensor:
        low, high = 0, _END
        while place not in passed:
            middle = (low + high) // 2
            if middle not in passed:
                known = self._known.get(middle)
                passed[middle] = known if known is not None else self._between(low, middle, high, passed)
            low, high = (low, middle) if place < middle else (middle, high)
        return passed[place]

    def _between(self, low: int, middle: int, high: int, passed: dict[int, Tensor]) -> Tensor:
        """The Brownian bridge: mean on the straight line, variance (m - l)(h - m) / (h - l), in clock time."""
        before, after = _clock(middle) - _clock(low), _clock(high) - _clock(middle)
        mean = torch.lerp(passed[low], passed[high], before / (before + after))
        return mean + math.sqrt(before * after / (before + after)) * self._drawn(middle)

    def _drawn(self, place: int) -> Tensor:
        digest = hashlib.blake2b(f"{self._seed}/{place}".encode(), digest_size=8).digest()
        self._generator.manual_seed(int.from_bytes(digest, "little"))
        return torch.randn(self._shape, generator=self._generator)


def _places(sigma: float, sigma_next: float) -> tuple[int, int]:
    here, there = _share(sigma), _share(sigma_next)
    for bits in range(_LEAST_BITS, _BITS + 1):
        place, place_next = round(here * (1 << bits)), round(there * (1 << bits))
        if abs(place - place_next) >= _LEAST_CELLS:
            return place << (_BITS - bits), place_next << (_BITS - bits)
    raise ValueError(f"No noise lies between the levels {sigma} and {sigma_next}.")


def _share(sigma: float) -> float:
    if not LOWEST_SIGMA <= sigma <= HIGHEST_SIGMA:
        raise ValueError(f"Noise is drawn between sigma {LOWEST_SIGMA} and {HIGHEST_SIGMA:.0f}, not at {sigma}.")
    return math.log(HIGHEST_SIGMA / sigma) / math.log(HIGHEST_SIGMA / LOWEST_SIGMA)


def _clock(place: int) -> float:
    return (HIGHEST_SIGMA * math.pow(LOWEST_SIGMA / HIGHEST_SIGMA, place / _END)) ** -2
