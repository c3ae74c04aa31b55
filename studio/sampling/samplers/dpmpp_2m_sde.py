"""DPM++ 2M SDE and DPM++ 2M SDE Heun: the stochastic flow, with a line through the last two denoised pictures."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from studio.sampling.ask import Ask, NoiseSource, Sampler, SamplerOptions
from studio.sampling.samplers.ode import steps_of


def dpmpp_2m_sde(x: Tensor, sigmas: Tensor, noise: NoiseSource, options: SamplerOptions) -> Sampler:
    """SDE-DPM-Solver++(2M) (Lu et al. 2022b): the line is read at the middle of the step."""
    return _two_step(x, sigmas, noise, options, lambda k: -math.expm1(-k) / 2)


def dpmpp_2m_sde_heun(x: Tensor, sigmas: Tensor, noise: NoiseSource, options: SamplerOptions) -> Sampler:
    """The same with the line integrated exactly over the step (the choice `solver_type="heun"` in k-diffusion and
    diffusers).
    """
    return _two_step(x, sigmas, noise, options, lambda k: math.expm1(-k) / k + 1)


def _two_step(
    x: Tensor, sigmas: Tensor, noise: NoiseSource, options: SamplerOptions, slope_weight: Callable[[float], float]
) -> Sampler:
    denoised_last: Tensor | None = None
    h_last = 0.0
    for step, sigma, sigma_next in steps_of(sigmas):
        denoised = yield Ask(x, sigma, step)
        if sigma_next == 0:
            return denoised
        h = math.log(sigma / sigma_next)
        k = h * (1 + options.eta)
        x = math.exp(-k) * x - math.expm1(-k) * denoised
        if denoised_last is not None:
            x = x + slope_weight(k) * (h / h_last) * (denoised - denoised_last)
        if options.eta > 0:
            spread = sigma_next * math.sqrt(-math.expm1(-2 * options.eta * h))
            x = x + spread * options.s_noise * noise(sigma, sigma_next)
        denoised_last, h_last = denoised, h
    return x
