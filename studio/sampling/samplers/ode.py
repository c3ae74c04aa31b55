"""The probability flow ODE dx = (x - D(x; sigma)) / sigma dsigma (Karras et al. 2022, eq. 1 and 3), one step of it,
and walking its steps.

With t = -log sigma the DPM-Solver papers solve the same equation exactly for a constant D; that solution is the Euler
step in sigma, for exp(-h) is sigma_next / sigma. So `euler_step` serves them all, and each sampler only says what it
takes for D.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor


def steps_of(sigmas: Tensor) -> Iterator[tuple[int, float, float]]:
    """(step, sigma, sigma_next) for each step of a schedule."""
    for step, (sigma, sigma_next) in enumerate(pairwise(sigmas.tolist())):
        yield step, sigma, sigma_next


def derivative(x: Tensor, denoised: Tensor, sigma: float) -> Tensor:
    """dx / dsigma, the direction of the noise (Karras et al. 2022, algorithm 1, line 4)."""
    return (x - denoised) / sigma


def euler_step(x: Tensor, denoised: Tensor, sigma: float, sigma_next: float) -> Tensor:
    """x + (sigma_next - sigma) * derivative (Karras et al. 2022, algorithm 1, line 5), so put that sigma_next = 0
    gives exactly D.
    """
    return torch.lerp(denoised, x, sigma_next / sigma)
