"""Drives one sampler alone, with a function for a network: for tests, experiments, and whoever has no engine at
hand.
"""

from __future__ import annotations

import torch
from torch import Tensor

from studio.sampling.ask import Denoise, NoiseSource, Sampler, SamplerOptions
from studio.sampling.registry import default_options, sampler


def run(
    name: str,
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: NoiseSource,
    *,
    options: SamplerOptions | None = None,
    unconditional: Denoise | None = None,
) -> Tensor:
    """The picture that the sampler of that name makes of `x`, shaped like it.

    `x` may have any shape and is scaled by sigmas[0]; `sigmas` is (steps + 1,), falling, ending in 0. `denoise(x,
    sigma)` answers shaped like x, `noise(sigma, sigma_next)` is unit normal like x. `unconditional` is what DDIM
    CFG++ sets against `denoise`; without it there is no guidance, and the two are one. Raises `UnknownSampler`.
    """
    steps = sampler(name)(x, sigmas, noise, options or default_options(name))
    return drive(steps, denoise, unconditional)


def drive(steps: Sampler, denoise: Denoise, unconditional: Denoise | None = None) -> Tensor:
    """Answer a sampler's asks until it returns; what `run` does once it has one."""
    try:
        ask = next(steps)
        while True:
            answer = denoise(ask.x, ask.sigma)
            if ask.want_unconditional:
                against = answer if unconditional is None else unconditional(ask.x, ask.sigma)
                answer = torch.stack((answer, against))
            ask = steps.send(answer)
    except StopIteration as end:
        result: Tensor = end.value
        return result
