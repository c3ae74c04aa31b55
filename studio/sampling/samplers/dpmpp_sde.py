"""DPM++ SDE: a noisy half step shows the way, then the whole step along the same noise path."""

from __future__ import annotations

import math

from torch import Tensor

from studio.sampling.ask import Ask, NoiseSource, Sampler, SamplerOptions
from studio.sampling.samplers.ode import euler_step, steps_of
from studio.sampling.samplers.stochastic import ancestral_split


def dpmpp_sde(x: Tensor, sigmas: Tensor, noise: NoiseSource, options: SamplerOptions) -> Sampler:
    """SDE-DPM-Solver++ with a single-step midpoint (Lu et al. 2022b; k-diffusion's `sample_dpmpp_sde`, r =
    1/2).

    Both draws start at sigma: with interval noise they belong to one path, so the half step looks where the whole one
    goes.
    """
    for step, sigma, sigma_next in steps_of(sigmas):
        denoised = yield Ask(x, sigma, step)
        if sigma_next == 0:
            return euler_step(x, denoised, sigma, sigma_next)
        sigma_mid = math.sqrt(sigma * sigma_next)
        u = _noisy_step(x, denoised, sigma, sigma_mid, noise, options)
        denoised_mid = yield Ask(u, sigma_mid, step)
        x = _noisy_step(x, denoised_mid, sigma, sigma_next, noise, options)
    return x


def _noisy_step(
    x: Tensor, denoised: Tensor, sigma: float, sigma_next: float, noise: NoiseSource, options: SamplerOptions
) -> Tensor:
    down, up = ancestral_split(sigma, sigma_next, options.eta)
    x = euler_step(x, denoised, sigma, down)
    return x + up * options.s_noise * noise(sigma, sigma_next) if up > 0 else x
