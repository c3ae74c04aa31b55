"""Samplers that draw noise make pictures of the exact mean and variance, and of the exact mixture."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from studio.sampling.ask import NoiseSource, SamplerOptions
from studio.sampling.brownian import BrownianPath
from studio.sampling.catalogue import SAMPLERS, SamplerEntry
from studio.sampling.driver import run
from studio.sampling.registry import schedule
from tests.sampling.linear import EXACT_VARIANCE, MEAN, moments
from tests.sampling.mixture import MIXTURE

# DPM adaptive takes steps of its own, of which the linear model cannot number the draws beforehand; it is in the
# second table.
STOCHASTIC = [entry for entry in SAMPLERS if entry.noise != "none" and entry.name not in ("LCM", "DPM adaptive")]

# The order at which the variance comes right: one for plain steps, two for those that look twice or back.
WEAK_ORDERS = {"Euler a": 1, "DDIM": 1, "DDIM CFG++": 1}


@pytest.mark.parametrize("entry", STOCHASTIC, ids=lambda entry: entry.name)
def test_mean_is_exact_and_variance_comes_right_with_the_steps(entry: SamplerEntry) -> None:
    errors = []
    for steps in (40, 160):
        found = moments(entry.name, steps, eta=1.0, interval=entry.noise == "interval")
        assert found.mean == pytest.approx(MEAN, abs=1e-12)
        errors.append(abs(found.variance / EXACT_VARIANCE - 1))
    order = WEAK_ORDERS.get(entry.name, 2)
    assert errors[1] < errors[0] / 4 ** (order - 0.25), errors
    assert errors[1] < (0.07 if order == 1 else 0.005)


@pytest.mark.parametrize("name", ["Euler a", "DPM++ SDE", "DPM++ 2M SDE", "DDIM"])
@pytest.mark.parametrize("eta", [0.3, 0.7])
def test_variance_is_right_at_any_eta(name: str, eta: float) -> None:
    interval = name.startswith("DPM++")
    found = moments(name, 300, eta=eta, interval=interval)
    assert found.variance == pytest.approx(EXACT_VARIANCE, rel=0.05 if not interval else 0.005)


COUNT = 10_000
SIGMA_MAX = 20.0


def noised_pictures(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    component = torch.multinomial(torch.tensor(MIXTURE.weights), COUNT, replacement=True, generator=generator)
    means, deviations = (
        torch.tensor(values, dtype=torch.float64)[component] for values in (MIXTURE.means, MIXTURE.deviations)
    )
    picture, noise = torch.randn(2, COUNT, generator=generator, dtype=torch.float64)
    noised: Tensor = means + deviations * picture + SIGMA_MAX * noise
    return noised


def source(entry: SamplerEntry) -> NoiseSource:
    if entry.noise == "interval":
        path = BrownianPath(4, (COUNT,))
        return lambda sigma, sigma_next: path.increment(sigma, sigma_next).double()
    generator = torch.Generator().manual_seed(5)
    return lambda sigma, sigma_next: torch.randn(COUNT, generator=generator, dtype=torch.float64)


SAMPLED = [
    entry
    for entry in SAMPLERS
    if (entry.noise != "none" and entry.name != "LCM") or entry.name in ("Euler", "Heun", "DPM2")
]


@pytest.mark.parametrize("entry", SAMPLED, ids=lambda entry: entry.name)
def test_pictures_are_drawn_from_the_mixture(entry: SamplerEntry) -> None:
    # Those that draw only when churned are churned. First-order ones get the steps they need.
    steps = 120 if entry.order == 1 else 50
    options = SamplerOptions(eta=1.0, s_churn=0.0 if entry.noise != "none" else 10.0)
    x = run(
        entry.name,
        MIXTURE.denoise,
        noised_pictures(3),
        schedule("karras", steps, 0.02, SIGMA_MAX),
        source(entry),
        options=options,
    )
    # Four standard errors of the draws, and what is left of the steps' own error: 1 in the mean, up to 4 in a hundred
    # of variance.
    assert float(x.mean()) == pytest.approx(MIXTURE.mean, abs=4 * math.sqrt(MIXTURE.variance / COUNT) + 0.01)
    assert float(x.var()) == pytest.approx(MIXTURE.variance, rel=4 * math.sqrt(2 / COUNT) + 0.04)
    shares = MIXTURE.distribution(x, 0.0).sort().values
    gap = float((shares - torch.linspace(0, 1, COUNT, dtype=torch.float64)).abs().max())
    assert gap < 1.95 / math.sqrt(COUNT) + 0.006


def test_lcm_is_exact_for_a_network_that_answers_with_the_end_of_the_flow() -> None:
    # For one Gaussian the flow ends at m + (x - m) s / sqrt(s^2 + sigma^2): the answer of a perfectly distilled
    # network.
    mean, deviation = 0.7, 0.5

    def distilled(x: Tensor, sigma: float) -> Tensor:
        return mean + (x - mean) * deviation / math.hypot(deviation, sigma)

    generator = torch.Generator().manual_seed(6)
    x = mean + math.hypot(deviation, SIGMA_MAX) * torch.randn(COUNT, generator=generator, dtype=torch.float64)
    draw: NoiseSource = lambda a, b: torch.randn(COUNT, generator=generator, dtype=torch.float64)  # noqa: E731
    for steps in (1, 2, 4, 8):
        answer = run("LCM", distilled, x, schedule("karras", steps, 0.02, SIGMA_MAX), draw)
        assert float(answer.mean()) == pytest.approx(mean, abs=4 * deviation / math.sqrt(COUNT))
        assert float(answer.std()) == pytest.approx(deviation, rel=4 / math.sqrt(2 * COUNT))
