"""DPM2 and DPM2 a: the slope half way down (in log sigma) serves for the whole step."""

from __future__ import annotations

import math

from torch import Tensor

from studio.sampling.ask import Ask, NoiseSource, Sampler, SamplerOptions
from studio.sampling.samplers.ode import derivative, euler_step, steps_of
from studio.sampling.samplers.stochastic import ancestral_split, churned


def dpm2(x: Tensor, sigmas: Tensor, noise: NoiseSource, options: SamplerOptions) -> Sampler:
    """DPM-Solver-2 (Lu et al. 2022a, algorithm 1 with r = 1/2) on the flow of Karras et al. 2022, with the churn of
    their algorithm 2.
    """
    for step, sigma, sigma_next in steps_of(sigmas):
        x, sigma_hat = churned(x, sigma, sigma_next, len(sigmas) - 1, noise, options)
        x = yield from _midpoint_step(x, sigma_hat, sigma_next, step)
    return x


def dpm2_ancestral(x: Tensor, sigmas: Tensor, noise: NoiseSource, options: SamplerOptions) -> Sampler:
    """The same step, taken too far down, then noise up to sigma_next."""
    for step, sigma, sigma_next in steps_of(sigmas):
        down, up = ancestral_split(sigma, sigma_next, options.eta)
        x = yield from _midpoint_step(x, sigma, down, step)
        if up > 0:
            x = x + up * options.s_noise * noise(sigma, sigma_next)
    return x


def _midpoint_step(x: Tensor, sigma: float, sigma_next: float, step: int) -> Sampler:
    denoised = yield Ask(x, sigma, step)
    if sigma_next == 0:
        return euler_step(x, denoised, sigma, sigma_next)
    sigma_mid = math.sqrt(sigma * sigma_next)
    x_mid = euler_step(x, denoised, sigma, sigma_mid)
    denoised = yield Ask(x_mid, sigma_mid, step)
    return x + (sigma_next - sigma) * derivative(x_mid, denoised, sigma_mid)
