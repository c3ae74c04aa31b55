"""DPM++ 2M: a line through the last two denoised pictures, followed to the middle of the step."""

from __future__ import annotations

import math

from torch import Tensor

from studio.sampling.ask import Ask, NoiseSource, Sampler, SamplerOptions
from studio.sampling.samplers.ode import euler_step, steps_of


def dpmpp_2m(x: Tensor, sigmas: Tensor, noise: NoiseSource, options: SamplerOptions) -> Sampler:
    """Lu et al. 2022b, "DPM-Solver++", algorithm 2, with h = log(sigma / sigma_next); the first and the last step are
    of order one.
    """
    denoised_last: Tensor | None = None
    h_last = 0.0
    for step, sigma, sigma_next in steps_of(sigmas):
        denoised = yield Ask(x, sigma, step)
        if sigma_next == 0:
            return denoised
        h = math.log(sigma / sigma_next)
        d = denoised
        if denoised_last is not None:
            r = h_last / h
            d = (1 + 1 / (2 * r)) * denoised - 1 / (2 * r) * denoised_last
        x = euler_step(x, d, sigma, sigma_next)
        denoised_last, h_last = denoised, h
    return x
