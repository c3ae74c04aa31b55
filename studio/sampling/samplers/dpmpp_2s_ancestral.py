"""DPM++ 2S a: the denoised picture half way down serves for the whole step, then fresh noise."""

from __future__ import annotations

import math

from torch import Tensor

from studio.sampling.ask import Ask, NoiseSource, Sampler, SamplerOptions
from studio.sampling.samplers.ode import euler_step, steps_of
from studio.sampling.samplers.stochastic import ancestral_split


def dpmpp_2s_ancestral(x: Tensor, sigmas: Tensor, noise: NoiseSource, options: SamplerOptions) -> Sampler:
    """Lu et al. 2022b, "DPM-Solver++", algorithm 1 with r = 1/2, taken too far down, then noise up to sigma_next."""
    for step, sigma, sigma_next in steps_of(sigmas):
        denoised = yield Ask(x, sigma, step)
        down, up = ancestral_split(sigma, sigma_next, options.eta)
        if down == 0:
            x = euler_step(x, denoised, sigma, down)
        else:
            sigma_mid = math.sqrt(sigma * down)
            u = euler_step(x, denoised, sigma, sigma_mid)
            denoised_mid = yield Ask(u, sigma_mid, step)
            x = euler_step(x, denoised_mid, sigma, down)
        if up > 0:
            x = x + up * options.s_noise * noise(sigma, sigma_next)
    return x
