"""Restart: Heun steps down, then noise back up to a higher level and down again, which forgets the errors made on the
way.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

from studio.sampling.ask import NoiseSource, Sampler, SamplerOptions
from studio.sampling.samplers.heun import heun_step
from studio.sampling.schedules import karras

LOW, HIGH = 0.1, 2.0
"""The levels between which it goes back and forth, as in A1111."""

RHO = 7.0


def restart(x: Tensor, sigmas: Tensor, noise: NoiseSource, options: SamplerOptions) -> Sampler:
    """Xu et al. 2023, "Restart Sampling for Improving Generative Processes", with Heun as its ODE
    solver.
    """
    level = float(sigmas[0])
    for step, (sigma, sigma_next) in enumerate(restart_plan(sigmas)):
        if sigma > level:
            x = x + math.sqrt(sigma**2 - level**2) * options.s_noise * noise(level, sigma)
        x = yield from heun_step(x, sigma, sigma_next, step)
        level = sigma_next
    return x


def restart_plan(sigmas: Tensor) -> list[tuple[float, float]]:
    """The steps down, with those of the restarts among them: as many as `sigmas` has.

    From 20 steps on 9 are kept for one restart, from 36 on half of them for two (A1111's shares); the others keep the
    shape of the schedule.
    """
    steps = len(sigmas) - 1
    plain = list(pairwise(sigmas.tolist()))
    times = 0 if steps < 20 else 1 if steps < 36 else 2
    if times == 0:
        return plain
    again = 9 if times == 1 else steps // 4
    thinned = _thinned(sigmas, steps - again * times)
    positive = torch.tensor([sigma for sigma in thinned if sigma > 0], dtype=torch.float64)
    low, high = int((positive - LOW).abs().argmin()), int((positive - HIGH).abs().argmin())
    if high >= low:
        return plain  # The schedule has no room between the two levels, as in image-to-image with little noise.
    # The ends are put in as they are: rounding must not make a level that looks like one more restart.
    upper = [thinned[high], *karras(again + 1, thinned[low], thinned[high]).tolist()[1:-2], thinned[low]]
    main = list(pairwise(thinned))
    return main[:low] + list(pairwise(upper)) * times + main[low:]


def _thinned(sigmas: Tensor, steps: int) -> list[float]:
    """Fewer sigmas with the same ends and shape: read between the given ones in sigma^(1 / 7), where Karras's are
    even.
    """
    roots = sigmas[:-1].double() ** (1 / RHO)
    position = torch.linspace(0, len(roots) - 1, steps, dtype=torch.float64)
    low = position.floor().long().clamp(max=len(roots) - 2)
    inner = torch.lerp(roots[low], roots[low + 1], position - low) ** RHO
    return [*inner.tolist(), float(sigmas[-1])]
