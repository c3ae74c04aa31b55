"""UniPC: predicts with the last denoised pictures, and corrects with the next one once it is known, at no further
call.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from studio.sampling.ask import Ask, NoiseSource, Sampler, SamplerOptions
from studio.sampling.samplers.ode import euler_step, steps_of

ORDER = 3


@dataclass(frozen=True, eq=False)
class _Step:
    """One step from sigma to sigma_next, with the denoised pictures known at its start: newest first, each at its t =
    -log sigma.
    """

    x: Tensor
    sigma: float
    sigma_next: float
    denoised: list[Tensor]
    times: list[float]

    @property
    def h(self) -> float:
        return math.log(self.sigma / self.sigma_next)

    def differences(self) -> tuple[list[float], list[Tensor]]:
        """r_m and D_m / r_m of the paper, for the pictures before the newest."""
        rs = [(t - self.times[0]) / self.h for t in self.times[1:]]
        return rs, [(past - self.denoised[0]) / r for r, past in zip(rs, self.denoised[1:], strict=True)]

    def plus(self, weights: list[float], differences: list[Tensor]) -> Tensor:
        x = euler_step(self.x, self.denoised[0], self.sigma, self.sigma_next)
        for weight, difference in zip(weights, differences, strict=True):
            x = x + self.h * weight * difference
        return x

    def predicted(self) -> Tensor:
        """The predictor, UniP."""
        if self.sigma_next == 0 or len(self.denoised) == 1:
            return euler_step(self.x, self.denoised[0], self.sigma, self.sigma_next)
        rs, differences = self.differences()
        # With one difference the paper fixes its weight at a half, which keeps the order.
        return self.plus([0.5] if len(rs) == 1 else solve_weights(rs, self.h), differences)

    def corrected(self, denoised_next: Tensor) -> Tensor:
        """The corrector, UniC: the same step with the denoised picture at its end among the differences (r = 1)."""
        rs, differences = self.differences()
        weights = solve_weights([*rs, 1.0], self.h) if rs else [0.5]
        return self.plus(weights, [*differences, denoised_next - self.denoised[0]])


def unipc(x: Tensor, sigmas: Tensor, noise: NoiseSource, options: SamplerOptions) -> Sampler:
    """Zhao et al. 2023, "UniPC" (multistep, data prediction) of order 3 with B(h) = h ("bh1"), as
    A1111 runs it.

    Towards sigma 0, where log sigma has no end, the order falls to 1.
    """
    past: list[Tensor] = []
    times: list[float] = []
    last: _Step | None = None
    to_zero = float(sigmas[-1]) == 0
    for step, sigma, sigma_next in steps_of(sigmas):
        denoised = yield Ask(x, sigma, step)
        if last is not None:
            x = last.corrected(denoised)
        order = min(ORDER, len(sigmas) - 1 - step) if to_zero else ORDER
        past, times = [denoised, *past][:ORDER], [-math.log(sigma), *times][:ORDER]
        last = _Step(x, sigma, sigma_next, past[:order], times[:order])
        x = last.predicted()
    return x


def solve_weights(rs: list[float], h: float) -> list[float]:
    """The weights a with sum over m of a_m r_m^(n - 1) = n! phi_(n + 1)(h) for n = 1 to len(rs) (Zhao et al. 2023,
    theorem 3.1: it makes the corrected order 4).

    phi_k are those of data prediction: phi_1 = (1 - exp(-h)) / h, phi_(k + 1) = (1 / k! - phi_k) / h.
    """
    phi = -math.expm1(-h) / h
    right = []
    for n in range(1, len(rs) + 1):
        phi = (1 / math.factorial(n) - phi) / h
        right.append(math.factorial(n) * phi)
    left = torch.tensor([[r ** (n - 1) for r in rs] for n in range(1, len(rs) + 1)], dtype=torch.float64)
    weights: list[float] = torch.linalg.solve(left, torch.tensor(right, dtype=torch.float64)).tolist()
    return weights
