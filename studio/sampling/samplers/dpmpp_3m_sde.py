"""DPM++ 3M SDE: the stochastic flow, with a parabola through the last three denoised pictures."""

from __future__ import annotations

import math

from torch import Tensor

from studio.sampling.ask import Ask, NoiseSource, Sampler, SamplerOptions
from studio.sampling.samplers.ode import steps_of


def dpmpp_3m_sde(x: Tensor, sigmas: Tensor, noise: NoiseSource, options: SamplerOptions) -> Sampler:
    """SDE-DPM-Solver++ of order 3 (Lu et al. 2022b) with divided differences, in the form of k-diffusion's
    `sample_dpmpp_3m_sde`.
    """
    past: list[Tensor] = []
    hs: list[float] = []
    for step, sigma, sigma_next in steps_of(sigmas):
        denoised = yield Ask(x, sigma, step)
        if sigma_next == 0:
            return denoised
        h = math.log(sigma / sigma_next)
        k = h * (1 + options.eta)
        x = math.exp(-k) * x - math.expm1(-k) * denoised + _correction(denoised, past, h, hs, k)
        if options.eta > 0:
            spread = sigma_next * math.sqrt(-math.expm1(-2 * options.eta * h))
            x = x + spread * options.s_noise * noise(sigma, sigma_next)
        past, hs = [denoised, *past][:2], [h, *hs][:2]
    return x


def _correction(denoised: Tensor, past: list[Tensor], h: float, hs: list[float], k: float) -> Tensor | float:
    """What first and second differences of D add to the step; `past` and `hs` are newest first."""
    if not past:
        return 0.0
    phi_2 = math.expm1(-k) / k + 1
    r_0 = hs[0] / h
    d_0 = (denoised - past[0]) / r_0
    if len(past) == 1:
        return phi_2 * d_0
    phi_3 = phi_2 / k - 0.5
    r_1 = hs[1] / h
    d_1 = (past[0] - past[1]) / r_1
    second = (d_0 - d_1) / (r_0 + r_1)
    return phi_2 * (d_0 + r_0 * second) - phi_3 * second
