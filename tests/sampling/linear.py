"""One Gaussian, whose denoiser is linear: a sampler's mean and variance then follow without drawing a single number.

Every x is written in coordinates: element 0 is its mean, each other element the share of one independent unit normal.
The sampler only ever adds and scales, so its answer has its exact mean and, as the sum of squares of the rest, its
exact variance.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from studio.sampling.ask import NoiseSource, SamplerOptions
from studio.sampling.driver import run
from studio.sampling.registry import schedule

MEAN, DEVIATION = 0.7, 0.5
SIGMA_MIN, SIGMA_MAX = 0.01, 50.0

# The last step answers with the posterior mean of a picture that still has noise SIGMA_MIN, which is that much less
# varied.
EXACT_VARIANCE = DEVIATION**4 / (DEVIATION**2 + SIGMA_MIN**2)


@dataclass(frozen=True)
class Moments:
    mean: float
    variance: float


def denoise(x: Tensor, sigma: float) -> Tensor:
    """The posterior mean (s^2 x + sigma^2 m) / (s^2 + sigma^2), in coordinates."""
    constant = torch.zeros_like(x)
    constant[0] = MEAN
    return (DEVIATION**2 * x + sigma**2 * constant) / (DEVIATION**2 + sigma**2)


def fresh_noise(size: int) -> NoiseSource:
    """A unit normal of its own for every draw."""
    used = iter(range(2, size))

    def draw(sigma: float, sigma_next: float) -> Tensor:
        return torch.nn.functional.one_hot(torch.tensor(next(used)), size).double()

    return draw


def path_noise(levels: list[float]) -> NoiseSource:
    """Increments of a path over 1 / sigma^2 that was cut at all `levels`, so overlapping draws are told apart
    rightly.
    """
    cuts = sorted({level**-2 for level in levels})

    def draw(sigma: float, sigma_next: float) -> Tensor:
        start, end = sorted((sigma**-2, sigma_next**-2))
        parts = [
            math.sqrt((high - low) / (end - start)) if start * (1 - 1e-12) <= low and high <= end * (1 + 1e-12) else 0.0
            for low, high in itertools.pairwise(cuts)
        ]
        return torch.tensor([0.0, 0.0, *parts], dtype=torch.float64)

    return draw


def moments(name: str, steps: int, eta: float, interval: bool) -> Moments:
    """Mean and variance of the pictures of that sampler, exact to rounding."""
    sigmas = schedule("karras", steps, SIGMA_MIN, SIGMA_MAX)
    positive = sigmas[:-1].tolist()
    halves = [math.sqrt(a * b) for a, b in itertools.pairwise(positive)]
    size = (len(positive) + len(halves) + 1) if interval else 3 * steps + 3
    noise = path_noise([*positive, *halves]) if interval else fresh_noise(size)
    x = torch.zeros(size, dtype=torch.float64)
    x[0], x[1] = MEAN, math.hypot(DEVIATION, SIGMA_MAX)
    answer = run(name, denoise, x, sigmas, noise, options=SamplerOptions(eta=eta))
    return Moments(float(answer[0]), float(answer[1:].square().sum()))
