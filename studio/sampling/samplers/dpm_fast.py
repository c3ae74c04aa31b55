"""DPM fast: as many third-order steps as the calls allow, evenly spread in log sigma."""

from __future__ import annotations

import math
from itertools import count, pairwise

import torch
from torch import Tensor

from studio.sampling.ask import Ask, NoiseSource, Sampler, SamplerOptions
from studio.sampling.samplers.dpm_solver import first_order, second_order, third_order
from studio.sampling.samplers.ode import euler_step
from studio.sampling.samplers.stochastic import ancestral_split


def dpm_fast(x: Tensor, sigmas: Tensor, noise: NoiseSource, options: SamplerOptions) -> Sampler:
    """Lu et al. 2022a, "DPM-Solver-fast" (appendix): `len(sigmas) - 1` calls in all, one of them for the last stretch
    to 0.

    Of `sigmas` it heeds the ends and the number only.
    """
    positive = sigmas[sigmas > 0].tolist()
    calls = count()
    orders = call_plan(len(positive) - 1)
    times = torch.linspace(-math.log(positive[0]), -math.log(positive[-1]), len(orders) + 1, dtype=torch.float64)
    for (t, t_next), order in zip(pairwise(times.tolist()), orders, strict=True):
        sigma, sigma_next = math.exp(-t), math.exp(-t_next)
        down, up = ancestral_split(sigma, sigma_next, options.eta, lowest=positive[-1])
        t_down = -math.log(down) if up > 0 else t_next
        if order == 3:
            x, _ = yield from third_order(x, t, t_down, calls)
        else:
            x = yield from (second_order if order == 2 else first_order)(x, t, t_down, calls)
        if up > 0:
            x = x + up * options.s_noise * noise(sigma, sigma_next)
    if len(positive) < len(sigmas):
        denoised = yield Ask(x, positive[-1], next(calls))
        x = euler_step(x, denoised, positive[-1], 0.0)
    return x


def call_plan(calls: int) -> list[int]:
    """The orders of the steps, which add up to `calls`: threes, and at the end whatever is left over."""
    if calls == 0:
        return []
    threes = calls // 3
    return [3] * (threes - 1) + [2, 1] if calls % 3 == 0 else [3] * threes + [calls % 3]
