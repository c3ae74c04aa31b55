"""The words that a sampler and whoever drives it exchange.

A sampler is a generator. It yields an `Ask` and is sent the answer, a tensor; when it is done it returns the last `x`:

    denoised = yield Ask(x, sigma, step)
    denoised, unconditional = (yield Ask(x, sigma, step, want_unconditional=True)).unbind(0)

So there is one kind of answer, a tensor of x's dtype and device. Mostly it is shaped like x: the guided denoised
picture. When the ask says `want_unconditional`, it is `torch.stack((denoised, unconditional))`, shaped (2, *x.shape):
the same guided picture, and what the network makes of the negative prompt alone, from the same call. Only DDIM CFG++
asks for it.

This module owns these types. It refuses to know networks, prompts and devices: a sampler sees x, sigma and noise,
nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass

from torch import Tensor

from studio.sampling.noise_schedule import NoiseSchedule


@dataclass(frozen=True, eq=False)
class Ask:
    """What the sampler wants to see denoised.

    `x` has the picture plus noise of standard deviation `sigma` (no input scaling: Karras et al. 2022, s(t) = 1).
    `step` counts from 0 to below the number of steps, and stays the same for the second call of a step: progress and
    prompt editing go by it.
    """

    x: Tensor
    sigma: float
    step: int = 0
    want_unconditional: bool = False


@dataclass(frozen=True, eq=False)
class SamplerOptions:
    """The dials of all samplers; each reads its own and leaves the rest.

    `eta` scales the fresh noise of ancestral and SDE steps (0: none). `s_churn`, `s_tmin`, `s_tmax`, `s_noise` are
    those of Karras et al. 2022, algorithm 2. `noise_schedule` is the model's own forward process.
    """

    eta: float = 1.0
    s_churn: float = 0.0
    s_tmin: float = 0.0
    s_tmax: float = math.inf
    s_noise: float = 1.0
    noise_schedule: NoiseSchedule | None = None


Sampler = Generator[Ask, Tensor, Tensor]
"""Yields asks, is sent answers, returns the final x."""

NoiseSource = Callable[[float, float], Tensor]
"""(sigma, sigma_next) -> unit normal like x, for the step between the two. An interval source gives the same path
however it is cut.
"""

Denoise = Callable[[Tensor, float], Tensor]
"""(x, sigma) -> denoised, shaped like x."""

SamplerFunction = Callable[[Tensor, Tensor, NoiseSource, SamplerOptions], Sampler]
"""(x, sigmas, noise, options) -> sampler. `x` may have any shape, scaled by sigmas[0]; `sigmas` (steps + 1,) falls
and ends in 0.
"""
