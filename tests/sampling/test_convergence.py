"""On a mixture with its exact denoiser, each sampler's error falls with the steps at the order its entry states."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from studio.sampling.ask import SamplerOptions
from studio.sampling.brownian import BrownianPath
from studio.sampling.catalogue import SAMPLERS, SamplerEntry
from studio.sampling.driver import drive, run
from studio.sampling.registry import schedule
from studio.sampling.samplers.dpm_adaptive import dpm_adaptive
from tests.sampling.mixture import MIXTURE

LOW, HIGH = 0.1, 10.0
# Each leaves 1 when divided by 3: the worst case of DPM fast, whose last step then is of first order.
STEPS = (19, 40, 79, 160)

# Points at the mixture's own quantiles among the noise, so that no branch is left out.
START = MIXTURE.mean + math.hypot(HIGH, MIXTURE.variance**0.5) * torch.special.ndtri(
    torch.linspace(0.02, 0.98, 49, dtype=torch.float64)
)
EXACT = MIXTURE.flowed(START, HIGH, LOW)


def no_noise(sigma: float, sigma_next: float) -> Tensor:
    raise AssertionError("noise was drawn")


def away(x: Tensor, exact: Tensor) -> float:
    return float((x - exact).square().mean().sqrt())


def test_the_exact_flow_is_a_fine_heuns() -> None:
    sigmas = schedule("karras", 1001, LOW, HIGH)[:-1]
    assert away(run("Heun", MIXTURE.denoise, START, sigmas, no_noise), EXACT) < 5e-6


def test_the_denoiser_is_the_slope_of_the_density() -> None:
    # Tweedie: D(x) = x + sigma^2 d log p / dx, with p the derivative of the distribution.
    x = torch.linspace(-3, 3, 13, dtype=torch.float64).requires_grad_()
    (density,) = torch.autograd.grad(MIXTURE.distribution(x, 0.7).sum(), x, create_graph=True)
    (slope,) = torch.autograd.grad(density.log().sum(), x)
    torch.testing.assert_close(MIXTURE.denoise(x.detach(), 0.7), (x + 0.7**2 * slope).detach())


# LCM has no order: it jumps. DPM adaptive goes by tolerance, Restart draws noise: they have tests of their own.
ORDERED = [entry for entry in SAMPLERS if entry.name not in ("LCM", "DPM adaptive", "Restart")]


@pytest.mark.parametrize("entry", ORDERED, ids=lambda entry: entry.name)
def test_error_falls_at_the_stated_order(entry: SamplerEntry) -> None:
    # The last step to 0 is left out: it is a step of its own kind, tested below. Ancestral and SDE samplers run
    # without their noise.
    errors = []
    for steps in STEPS:
        sigmas = schedule("karras", steps + 1, LOW, HIGH)[:-1]
        x = run(entry.name, MIXTURE.denoise, START, sigmas, no_noise, options=SamplerOptions(eta=0.0))
        errors.append(away(x, EXACT))
    slope = math.log(errors[0] / errors[-1]) / math.log(STEPS[-1] / STEPS[0])
    assert entry.order - 0.15 < slope < entry.order + 0.6, errors


@pytest.mark.parametrize("entry", ORDERED, ids=lambda entry: entry.name)
def test_the_way_to_zero_is_as_near_as_the_last_level_allows(entry: SamplerEntry) -> None:
    exact = MIXTURE.flowed(START, HIGH, 0.0)
    coarse, fine = (
        away(
            run(entry.name, MIXTURE.denoise, START, schedule("karras", n, 0.005, HIGH), no_noise,
                options=SamplerOptions(eta=0.0)),
            exact,
        )
        for n in (20, 120)
    )  # fmt: skip
    assert fine < coarse / 6 ** (0.9 * min(entry.order, 2))
    assert fine < 0.02


def adaptive(tolerance: float) -> tuple[float, int]:
    """Error and calls of DPM adaptive."""
    calls = 0

    def counted(x: Tensor, sigma: float) -> Tensor:
        nonlocal calls
        calls += 1
        return MIXTURE.denoise(x, sigma)

    sigmas = schedule("karras", 2, LOW, HIGH)[:-1]
    steps = dpm_adaptive(START, sigmas, no_noise, SamplerOptions(eta=0.0), tolerance, tolerance)
    return away(drive(steps, counted), EXACT), calls


def test_the_adaptive_sampler_keeps_to_its_tolerance_at_the_cost_of_third_order() -> None:
    (coarse, few), (fine, many) = adaptive(1e-3), adaptive(1e-6)
    # A thousandth of the tolerance: a thousandth of the error, for at most ten times the calls.
    assert 0.85 < math.log(coarse / fine) / math.log(1e3) < 1.15
    assert many < 10 * few


def test_default_tolerance_is_good_to_two_digits() -> None:
    sigmas = schedule("karras", 20, 0.005, HIGH)
    x = run("DPM adaptive", MIXTURE.denoise, START, sigmas, no_noise)
    assert away(x, MIXTURE.flowed(START, HIGH, 0.0)) < 0.03


SDE = [entry.name for entry in SAMPLERS if entry.noise == "interval"]


@pytest.mark.parametrize("name", SDE)
def test_sde_samplers_come_nearer_to_one_picture_along_their_path(name: str) -> None:
    x = HIGH * torch.randn(300, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def made(steps: int) -> Tensor:
        path = BrownianPath(1, x.shape)
        sigmas = schedule("karras", steps, 0.01, HIGH)
        return run(name, MIXTURE.denoise, x, sigmas, lambda a, b: path.increment(a, b).double())

    finest = made(240)
    distances = [away(made(steps), finest) for steps in (15, 30, 60)]
    assert distances[0] > 1.5 * distances[1] > 2.2 * distances[2], distances
    assert distances[2] < 0.15


def test_catalogue_says_which_samplers_settle() -> None:
    changing = {entry.name for entry in SAMPLERS if not entry.converges}
    assert changing == {"Euler a", "DPM2 a", "DPM++ 2S a", "Restart", "LCM"}
