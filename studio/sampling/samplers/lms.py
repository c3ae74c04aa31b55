"""LMS: a polynomial through the last four slopes, integrated over the step."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from studio.sampling.ask import Ask, NoiseSource, Sampler, SamplerOptions
from studio.sampling.samplers.ode import derivative, steps_of

ORDER = 4


def lms(x: Tensor, sigmas: Tensor, noise: NoiseSource, options: SamplerOptions) -> Sampler:
    """Adams-Bashforth with uneven steps (Hairer, Norsett, Wanner, "Solving Ordinary Differential Equations I", sec.
    III.5).
    """
    slopes: list[Tensor] = []
    levels: list[float] = []
    for step, sigma, sigma_next in steps_of(sigmas):
        denoised = yield Ask(x, sigma, step)
        slopes = [derivative(x, denoised, sigma), *slopes][:ORDER]
        levels = [sigma, *levels][:ORDER]
        for slope, weight in zip(slopes, adams_bashforth(levels, sigma_next), strict=True):
            x = x + weight * slope
    return x


def adams_bashforth(levels: Sequence[float], sigma_next: float) -> list[float]:
    """Weights of the slopes at `levels` (newest first): Lagrange polynomials integrated from levels[0] to sigma_next.

    Two Gauss-Legendre points integrate cubics exactly, so up to four levels.
    """
    middle, half = (levels[0] + sigma_next) / 2, (sigma_next - levels[0]) / 2
    points = (middle - half / math.sqrt(3), middle + half / math.sqrt(3))

    def lagrange(j: int, at: float) -> float:
        return math.prod((at - other) / (levels[j] - other) for k, other in enumerate(levels) if k != j)

    return [half * sum(lagrange(j, point) for point in points) for j in range(len(levels))]
