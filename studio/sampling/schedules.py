"""The schedules: which noise levels the steps go through, as pure functions.

Each answers `(steps + 1,)` sigmas in float64, strictly falling from the noisiest to 0. Some follow from the two ends
alone; others go by the timesteps a model was trained on, and take its `NoiseSchedule`. Named as in A1111 1.10, whose
choices hold where papers leave one open. Owns no names for people (`catalogue.py`) and refuses ends that are not 0 <
sigma_min < sigma_max.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from studio.sampling.noise_schedule import NoiseSchedule

# Sabour et al. 2024, "Align Your Steps", the published tables for 10 steps of Stable Diffusion 1.5 and SDXL.
ALIGN_YOUR_STEPS_SD15 = (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029)
ALIGN_YOUR_STEPS_SDXL = (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029)


def karras(steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> Tensor:
    """Even in sigma^(1 / rho) (Karras et al. 2022, eq. 5)."""
    ramp = _ramp(steps, sigma_min, sigma_max)
    return _to_zero((sigma_max ** (1 / rho) + ramp * (sigma_min ** (1 / rho) - sigma_max ** (1 / rho))) ** rho)


def exponential(steps: int, sigma_min: float, sigma_max: float) -> Tensor:
    """Even in log sigma: the limit of `karras` for large rho."""
    return polyexponential(steps, sigma_min, sigma_max, rho=1.0)


def polyexponential(steps: int, sigma_min: float, sigma_max: float, rho: float = 1.0) -> Tensor:
    """Log sigma falls by a power of the way gone (k-diffusion's `get_sigmas_polyexponential`, written from its
    formula).
    """
    left = (1 - _ramp(steps, sigma_min, sigma_max)) ** rho
    return _to_zero(torch.exp(left * (math.log(sigma_max) - math.log(sigma_min)) + math.log(sigma_min)))


def kl_optimal(steps: int, sigma_min: float, sigma_max: float) -> Tensor:
    """Even in arctan sigma (Sabour et al. 2024, the KL-optimal schedule of a Gaussian)."""
    ramp = _ramp(steps, sigma_min, sigma_max)
    return _to_zero(torch.tan(ramp * math.atan(sigma_min) + (1 - ramp) * math.atan(sigma_max)))


def align_your_steps(
    steps: int, sigma_min: float, sigma_max: float, table: tuple[float, ...] = ALIGN_YOUR_STEPS_SD15
) -> Tensor:
    """A published table, interpolated in log sigma to any number of steps, and stretched to the two ends in log
    sigma.
    """
    logs = torch.tensor(table, dtype=torch.float64).log()
    position = _ramp(steps, sigma_min, sigma_max) * (len(table) - 1)
    low = position.floor().long().clamp(max=len(table) - 2)
    share = torch.lerp(logs[low], logs[low + 1], position - low).sub(logs[-1]).div(logs[0] - logs[-1])
    return _to_zero(torch.exp(math.log(sigma_min) + share * (math.log(sigma_max) - math.log(sigma_min))))


def beta(steps: int, sigma_min: float, sigma_max: float, a: float = 0.6, b: float = 0.6) -> Tensor:
    """Quantiles of a beta distribution, crowded at both ends (Lee et al. 2024, "Beta Sampling is All You Need").

    Quantiles are spread over sigma, as in A1111 and diffusers; the paper and ComfyUI spread them over timesteps.
    """
    left = 1 - _ramp(steps, sigma_min, sigma_max)
    return _to_zero(sigma_min + beta_quantile(left, a, b) * (sigma_max - sigma_min))


def uniform(steps: int, sigma_min: float, sigma_max: float, trained: NoiseSchedule) -> Tensor:
    """Even over the trained timesteps, both ends included (k-diffusion's `DiscreteSchedule.get_sigmas`)."""
    return _to_zero(trained.sigma(_between(trained, sigma_min, sigma_max, steps)))


def normal(steps: int, sigma_min: float, sigma_max: float, trained: NoiseSchedule) -> Tensor:
    """Even over the timesteps between the two sigmas. With the ends that `uniform` is given here, the two are one."""
    return uniform(steps, sigma_min, sigma_max, trained)


def sgm_uniform(steps: int, sigma_min: float, sigma_max: float, trained: NoiseSchedule) -> Tensor:
    """Even over the timesteps with the lower end left out, so the last step is as long as the others (Stability's
    SGM).
    """
    return _to_zero(trained.sigma(_between(trained, sigma_min, sigma_max, steps + 1)[:-1]))


def simple(steps: int, sigma_min: float, sigma_max: float, trained: NoiseSchedule) -> Tensor:
    """Every so many trained timesteps, counted down from the noisy end, fractions dropped."""
    first, count = _whole(trained, sigma_min, sigma_max)
    if steps > count:
        return uniform(steps, sigma_min, sigma_max, trained)
    down = torch.tensor([step * count // steps for step in range(steps)])
    return _to_zero(trained.sigmas[first + count - 1 - down])


def ddim(steps: int, sigma_min: float, sigma_max: float, trained: NoiseSchedule) -> Tensor:
    """Every so many trained timesteps, counted up from one above the clean end (the linear choice of DDIM, Song et
    al. 2020, app. D).

    A1111 goes on to the end of the table and so may take more steps than were asked for; here, as in diffusers, there
    are `steps`.
    """
    first, count = _whole(trained, sigma_min, sigma_max)
    if (
        steps > count or steps == 1
    ):  # A single step from the clean end would be given noise for a nearly finished picture.
        return uniform(steps, sigma_min, sigma_max, trained)
    stride = count // steps
    above = min(1, count - 1 - stride * (steps - 1))
    return _to_zero(trained.sigmas[first + above + stride * torch.arange(steps - 1, -1, -1)])


def beta_quantile(shares: Tensor, a: float, b: float) -> Tensor:
    """The values below which `shares` (n,) of the beta distribution lie, by bisection: its distribution only rises."""
    low, high = torch.zeros_like(shares), torch.ones_like(shares)
    for _ in range(64):  # Halving 64 times exhausts a float64.
        middle = (low + high) / 2
        short = beta_distribution(middle, a, b) < shares
        low, high = torch.where(short, middle, low), torch.where(short, high, middle)
    return torch.where((shares <= 0) | (shares >= 1), shares.clamp(0, 1), (low + high) / 2)


def beta_distribution(x: Tensor, a: float, b: float) -> Tensor:
    """The regularised incomplete beta function I_x(a, b) of `x` (n,), mirrored past the middle (DLMF 8.17.4)."""
    lower, upper = _beta_series(x.clamp(max=0.5), a, b), 1 - _beta_series((1 - x).clamp(max=0.5), b, a)
    return torch.where(x <= 0.5, lower, upper)


def _beta_series(x: Tensor, a: float, b: float) -> Tensor:
    """x^a / B(a, b) times the sum of (1 - b)_k / k! x^k / (a + k) (DLMF 8.17.7 with 15.2.1); x up to a half."""
    k = torch.arange(1, 60, dtype=x.dtype)  # A half to the power of 60 is lost in a float64.
    factors = torch.cat((x.new_ones(1), torch.cumprod((k - b) / k, dim=0))) / (a + torch.arange(60, dtype=x.dtype))
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    powers = x.unsqueeze(1) ** torch.arange(60, dtype=x.dtype)
    return x**a / math.exp(log_beta) * (powers @ factors)


def _ramp(steps: int, sigma_min: float, sigma_max: float) -> Tensor:
    _check(steps, sigma_min, sigma_max)
    return torch.linspace(0, 1, steps, dtype=torch.float64)


def _between(trained: NoiseSchedule, sigma_min: float, sigma_max: float, count: int) -> Tensor:
    _check(count, sigma_min, sigma_max)
    start, end = float(trained.timestep(sigma_max)), float(trained.timestep(sigma_min))
    return torch.linspace(start, end, count, dtype=torch.float64)


def _whole(trained: NoiseSchedule, sigma_min: float, sigma_max: float) -> tuple[int, int]:
    """The first whole timestep between the two sigmas, and how many there are."""
    _check(1, sigma_min, sigma_max)
    first, last = round(float(trained.timestep(sigma_min))), round(float(trained.timestep(sigma_max)))
    return first, last - first + 1


def _check(steps: int, sigma_min: float, sigma_max: float) -> None:
    if steps < 1:
        raise ValueError(f"A schedule has at least one step, not {steps}.")
    if not 0 < sigma_min < sigma_max < math.inf:
        raise ValueError(f"Sigmas must be 0 < sigma_min < sigma_max, not {sigma_min} and {sigma_max}.")


def _to_zero(sigmas: Tensor) -> Tensor:
    return torch.cat((sigmas, sigmas.new_zeros(1)))
