"""LCM: jump to the finished picture, put noise back, jump again."""

from __future__ import annotations

from torch import Tensor

from studio.sampling.ask import Ask, NoiseSource, Sampler, SamplerOptions
from studio.sampling.samplers.ode import steps_of


def lcm(x: Tensor, sigmas: Tensor, noise: NoiseSource, options: SamplerOptions) -> Sampler:
    """Song et al. 2023, "Consistency Models", algorithm 1 (multistep consistency sampling), as Luo et al. 2023 use it
    for latents.

    Right for networks distilled to answer with the end of the flow; a plain network answers with a mean, and its
    pictures come out soft.
    """
    for step, sigma, sigma_next in steps_of(sigmas):
        x = yield Ask(x, sigma, step)
        if sigma_next > 0:
            x = x + sigma_next * options.s_noise * noise(sigma, sigma_next)
    return x
