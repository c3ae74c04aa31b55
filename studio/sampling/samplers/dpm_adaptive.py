"""DPM adaptive: third-order steps as long as a second-order estimate agrees with them."""

from __future__ import annotations

import math
from itertools import repeat

import torch
from torch import Tensor

from studio.sampling.ask import Ask, NoiseSource, Sampler, SamplerOptions
from studio.sampling.samplers.dpm_solver import third_order
from studio.sampling.samplers.ode import euler_step
from studio.sampling.samplers.stochastic import ancestral_split

FIRST_STEP = 0.05
SAFETY = 0.9
SHORTEST_STEP = 1e-4
"""In log sigma. Shorter ones are taken as they are: a network's own noise cannot be integrated away."""


def dpm_adaptive(
    x: Tensor,
    sigmas: Tensor,
    noise: NoiseSource,
    options: SamplerOptions,
    relative_tolerance: float = 0.05,
    absolute_tolerance: float = 0.0078,
) -> Sampler:
    """Lu et al. 2022a, "DPM-Solver", adaptive step size with solvers of order 2 and 3, and their tolerances (appendix).

    Of `sigmas` it heeds the ends; progress is told as the share of log sigma that lies behind.
    """
    positive = sigmas[sigmas > 0].tolist()
    t, end, steps = -math.log(positive[0]), -math.log(positive[-1]), len(sigmas) - 1
    start, h, x_last = t, FIRST_STEP, x
    while t < end:
        t_next = min(t + h, end)
        sigma, sigma_next = math.exp(-t), math.exp(-t_next)
        down, up = ancestral_split(sigma, sigma_next, options.eta, lowest=positive[-1])
        t_down = -math.log(down) if up > 0 else t_next
        step = int((steps - 1) * (t - start) / (end - start))
        high, low = yield from third_order(x, t, t_down, repeat(step))
        scale = torch.maximum(low.abs(), x_last.abs()).mul(relative_tolerance).clamp(min=absolute_tolerance)
        error = float(((high - low) / scale).square().mean().sqrt())
        # What is not a number is passed on for the caller to see: no step is short enough to mend it.
        if error <= 1 or h <= SHORTEST_STEP or not math.isfinite(error):
            x = high + up * options.s_noise * noise(sigma, sigma_next) if up > 0 else high
            x_last, t = low, t_next
        h = max(SHORTEST_STEP, SAFETY * h * max(error, 1e-6) ** (-1 / 3)) if math.isfinite(error) else h
    if len(positive) < len(sigmas):
        denoised = yield Ask(x, positive[-1], steps - 1)
        x = euler_step(x, denoised, positive[-1], 0.0)
    return x
