"""Euler and Euler a: one straight step along the flow, without and with fresh noise."""

from __future__ import annotations

from torch import Tensor

from studio.sampling.ask import Ask, NoiseSource, Sampler, SamplerOptions
from studio.sampling.samplers.ode import euler_step, steps_of
from studio.sampling.samplers.stochastic import ancestral_split, churned


def euler(x: Tensor, sigmas: Tensor, noise: NoiseSource, options: SamplerOptions) -> Sampler:
    """Karras et al. 2022, algorithm 2 without its second-order correction; algorithm 1 of order one when there is no
    churn.
    """
    for step, sigma, sigma_next in steps_of(sigmas):
        x, sigma_hat = churned(x, sigma, sigma_next, len(sigmas) - 1, noise, options)
        denoised = yield Ask(x, sigma_hat, step)
        x = euler_step(x, denoised, sigma_hat, sigma_next)
    return x


def euler_ancestral(x: Tensor, sigmas: Tensor, noise: NoiseSource, options: SamplerOptions) -> Sampler:
    """An Euler step too far down, then noise up to sigma_next: DDPM's posterior step (Ho et al. 2020, algorithm 2) at
    eta 1.
    """
    for step, sigma, sigma_next in steps_of(sigmas):
        denoised = yield Ask(x, sigma, step)
        down, up = ancestral_split(sigma, sigma_next, options.eta)
        x = euler_step(x, denoised, sigma, down)
        if up > 0:
            x = x + up * options.s_noise * noise(sigma, sigma_next)
    return x
