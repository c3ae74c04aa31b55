"""How samplers put noise back: ancestral steps go down too far and come up again, churn goes up before each step."""

from __future__ import annotations

import math

from torch import Tensor

from studio.sampling.ask import NoiseSource, SamplerOptions


def ancestral_split(sigma: float, sigma_next: float, eta: float, lowest: float = 0.0) -> tuple[float, float]:
    """(down, up): solve the ODE to `down`, then add noise of deviation `up`, and the level is sigma_next.

    With eta 1 this is the posterior of DDPM (Ho et al. 2020, eq. 7; eta of Song et al. 2020, eq. 16) in coordinates
    without signal scaling; with eta 0 no noise is added. `down` stays at or above `lowest`: solvers that go by log
    sigma cannot reach zero.
    """
    up = min(sigma_next, eta * sigma_next * math.sqrt(max(0.0, 1 - (sigma_next / sigma) ** 2)))
    if up == 0:
        return sigma_next, 0.0  # Exactly: a rounded root would leave a trace of noise to draw.
    down = math.sqrt(sigma_next**2 - up**2)
    if down >= lowest:
        return down, up
    return lowest, math.sqrt(max(0.0, sigma_next**2 - lowest**2))


def churned(
    x: Tensor, sigma: float, sigma_next: float, steps: int, noise: NoiseSource, options: SamplerOptions
) -> tuple[Tensor, float]:
    """x raised to a higher noise level before its step, and that level (Karras et al. 2022, algorithm 2, lines 4 to
    6).
    """
    gamma = min(options.s_churn / steps, math.sqrt(2) - 1) if options.s_tmin <= sigma <= options.s_tmax else 0.0
    if gamma <= 0:
        return x, sigma
    sigma_hat = sigma * (1 + gamma)
    return x + math.sqrt(sigma_hat**2 - sigma**2) * options.s_noise * noise(sigma, sigma_next), sigma_hat
