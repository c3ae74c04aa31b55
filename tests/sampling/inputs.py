"""What samplers are given where their numbers are compared with other programs'."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from studio.sampling.ask import NoiseSource

X = torch.tensor([-12.0, -3.0, 0.5, 9.0], dtype=torch.float64)


def taped_noise(skip: tuple[int, ...] = ()) -> NoiseSource:
    """Draw k has sin(7 k + i^2 + 1.3) * 1.4 at place i: noise that any program can repeat."""
    draws = (k for k in range(10_000) if k not in skip)
    return lambda sigma, sigma_next: torch.tensor(
        [math.sin(7 * k + i * i + 1.3) * 1.4 for k in [next(draws)] for i in range(4)], dtype=torch.float64
    )


def no_noise(sigma: float, sigma_next: float) -> Tensor:
    raise AssertionError("a sampler that draws nothing drew noise")
