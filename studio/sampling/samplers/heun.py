"""Heun: an Euler step, then the mean of the slopes at its two ends."""

from __future__ import annotations

from torch import Tensor

from studio.sampling.ask import Ask, NoiseSource, Sampler, SamplerOptions
from studio.sampling.samplers.ode import derivative, euler_step, steps_of
from studio.sampling.samplers.stochastic import churned


def heun(x: Tensor, sigmas: Tensor, noise: NoiseSource, options: SamplerOptions) -> Sampler:
    """Karras et al. 2022, algorithm 2."""
    for step, sigma, sigma_next in steps_of(sigmas):
        x, sigma_hat = churned(x, sigma, sigma_next, len(sigmas) - 1, noise, options)
        x = yield from heun_step(x, sigma_hat, sigma_next, step)
    return x


def heun_step(x: Tensor, sigma: float, sigma_next: float, step: int) -> Sampler:
    """Lines 7 to 11 of that algorithm: two asks, or one when sigma_next is 0."""
    denoised = yield Ask(x, sigma, step)
    x_euler = euler_step(x, denoised, sigma, sigma_next)
    if sigma_next == 0:
        return x_euler
    d = derivative(x, denoised, sigma)
    denoised = yield Ask(x_euler, sigma_next, step)
    d_next = derivative(x_euler, denoised, sigma_next)
    return x + (sigma_next - sigma) * (d + d_next) / 2
