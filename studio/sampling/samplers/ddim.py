"""DDIM and DDIM CFG++: from the denoised picture, back to a lower noise level along the predicted noise."""

from __future__ import annotations

from torch import Tensor

from studio.sampling.ask import Ask, NoiseSource, Sampler, SamplerOptions
from studio.sampling.samplers.ode import derivative, steps_of
from studio.sampling.samplers.stochastic import ancestral_split

FULL_GUIDANCE_SCALE = 12.5
"""The guidance scale that means lambda = 1 in CFG++: A1111's choice, so that the usual scales of 5 to 12 suit it
too.
"""


def ddim(x: Tensor, sigmas: Tensor, noise: NoiseSource, options: SamplerOptions) -> Sampler:
    """Song et al. 2020, eq. 12, divided by the root of alpha bar; eta as in their eq. 16 (0: DDIM, 1: DDPM)."""
    for step, sigma, sigma_next in steps_of(sigmas):
        denoised = yield Ask(x, sigma, step)
        direction, up = ancestral_split(sigma, sigma_next, options.eta)
        x = denoised + direction * derivative(x, denoised, sigma)
        if up > 0:
            x = x + up * options.s_noise * noise(sigma, sigma_next)
    return x


def ddim_cfgpp(x: Tensor, sigmas: Tensor, noise: NoiseSource, options: SamplerOptions) -> Sampler:
    """Chung et al. 2024, "CFG++", algorithm 2: guided picture, unconditional noise.

    Their lambda lies between 0 and 1, so the guidance is taken back to a twelfth and a half before it is used.
    """
    for step, sigma, sigma_next in steps_of(sigmas):
        guided, unconditional = (yield Ask(x, sigma, step, want_unconditional=True)).unbind(0)
        denoised = unconditional + (guided - unconditional) / FULL_GUIDANCE_SCALE
        direction, up = ancestral_split(sigma, sigma_next, options.eta)
        x = denoised + direction * derivative(x, unconditional, sigma)
        if up > 0:
            x = x + up * options.s_noise * noise(sigma, sigma_next)
    return x
