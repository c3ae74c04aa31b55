"""The single steps of DPM-Solver, which DPM fast and DPM adaptive are made of.

t is -log sigma (lambda in the paper, with alpha = 1), h the length of the step in it. Each asks as often as its order
says.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator

from torch import Tensor

from studio.sampling.ask import Ask
from studio.sampling.samplers.ode import derivative

SolverStep = Generator[Ask, Tensor, Tensor]


def first_order(x: Tensor, t: float, t_next: float, calls: Iterator[int]) -> SolverStep:
    """Lu et al. 2022a, "DPM-Solver", eq. 3.7; `calls` numbers the asks."""
    epsilon = yield from _epsilon(x, t, calls)
    return x - math.exp(-t_next) * math.expm1(t_next - t) * epsilon


def second_order(x: Tensor, t: float, t_next: float, calls: Iterator[int]) -> SolverStep:
    """Lu et al. 2022a, algorithm 1 (r = 1/2)."""
    h = t_next - t
    s = t + h / 2
    epsilon = yield from _epsilon(x, t, calls)
    u = x - math.exp(-s) * math.expm1(h / 2) * epsilon
    epsilon_s = yield from _epsilon(u, s, calls)
    return x - math.exp(-t_next) * math.expm1(h) * epsilon_s


def third_order(
    x: Tensor, t: float, t_next: float, calls: Iterator[int]
) -> Generator[Ask, Tensor, tuple[Tensor, Tensor]]:
    """Lu et al. 2022a, algorithm 2 (r = 1/3, 2/3): the answer of third order, and one of second order from the same
    calls.
    """
    h = t_next - t
    r_1, r_2 = 1 / 3, 2 / 3
    s_1, s_2 = t + r_1 * h, t + r_2 * h
    epsilon = yield from _epsilon(x, t, calls)
    u_1 = x - math.exp(-s_1) * math.expm1(r_1 * h) * epsilon
    d_1 = (yield from _epsilon(u_1, s_1, calls)) - epsilon
    u_2 = x - math.exp(-s_2) * (math.expm1(r_2 * h) * epsilon + r_2 / r_1 * (math.expm1(r_2 * h) / (r_2 * h) - 1) * d_1)
    d_2 = (yield from _epsilon(u_2, s_2, calls)) - epsilon
    first = x - math.exp(-t_next) * math.expm1(h) * epsilon
    third = first - math.exp(-t_next) / r_2 * (math.expm1(h) / h - 1) * d_2
    second = first - math.exp(-t_next) / (2 * r_1) * math.expm1(h) * d_1
    return third, second


def _epsilon(x: Tensor, t: float, calls: Iterator[int]) -> SolverStep:
    sigma = math.exp(-t)
    denoised = yield Ask(x, sigma, next(calls))
    return derivative(x, denoised, sigma)
