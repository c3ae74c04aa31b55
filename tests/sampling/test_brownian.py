"""The path gives unit normal noise, the same for one seed, and made of the same parts however a step is cut."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.sampling.brownian import BrownianPath

SHAPE = (4, 16, 16)


@settings(max_examples=25)
@given(
    st.lists(st.floats(-3.5, 2.7), min_size=3, max_size=6, unique_by=lambda log: round(log, 1)), st.integers(0, 2**32)
)
def test_a_step_is_made_of_the_steps_within_it(logs: list[float], seed: int) -> None:
    levels = [math.exp(log) for log in sorted(logs, reverse=True)]
    path = BrownianPath(seed, SHAPE)
    clock = [level**-2 for level in levels]
    parts = [path.increment(*levels[i : i + 2]) * math.sqrt(clock[i + 1] - clock[i]) for i in range(len(levels) - 1)]
    whole = BrownianPath(seed, SHAPE).increment(levels[0], levels[-1]) * math.sqrt(clock[-1] - clock[0])
    assert float((sum(parts) - whole).abs().max()) < 0.02 * math.sqrt(clock[-1] - clock[0])


def test_questions_in_any_order_have_one_answer() -> None:
    asked = [(14.6, 7.0), (7.0, 2.0), (2.0, 0.5), (14.6, 9.0), (0.5, 0.03)]
    forwards, backwards = BrownianPath(5, SHAPE), BrownianPath(5, SHAPE)
    there = [forwards.increment(*step) for step in asked]
    back = [backwards.increment(*step) for step in reversed(asked)]
    for one, other in zip(there, reversed(back), strict=True):
        torch.testing.assert_close(one, other)


def test_going_back_up_takes_the_noise_away_again() -> None:
    path = BrownianPath(5, SHAPE)
    torch.testing.assert_close(path.increment(3.0, 1.0), -path.increment(1.0, 3.0))


def test_increments_are_unit_normal_and_independent() -> None:
    levels = [14.6 * (0.03 / 14.6) ** (step / 24) for step in range(25)]
    path = BrownianPath(11, (16384,))
    draws = torch.stack([path.increment(*levels[i : i + 2]) for i in range(24)]).double()
    assert draws.mean(1).abs().max() < 4 / math.sqrt(16384)
    assert (draws.var(1) - 1).abs().max() < 4 * math.sqrt(2 / 16384)
    assert (torch.corrcoef(draws) - torch.eye(24)).abs().max() < 4.5 / math.sqrt(16384)


@pytest.mark.parametrize("ratio", [0.5, 0.99, 0.999999])
def test_short_steps_have_full_variance(ratio: float) -> None:
    draw = BrownianPath(2, (16384,)).increment(5.0, 5.0 * ratio)
    assert float(draw.var()) == pytest.approx(1, abs=4 * math.sqrt(2 / 16384))


def test_seeds_have_paths_of_their_own() -> None:
    draws = torch.stack([BrownianPath(seed, (4096,)).increment(3.0, 1.0) for seed in range(6)])
    assert (torch.corrcoef(draws) - torch.eye(6)).abs().max() < 0.07


@pytest.mark.parametrize(("sigma", "sigma_next"), [(1.0, 1.0), (1.0, 0.0), (1e6, 1.0), (1.0, -1.0)])
def test_impossible_steps_are_refused(sigma: float, sigma_next: float) -> None:
    with pytest.raises(ValueError, match=r"[Nn]oise"):
        BrownianPath(0, SHAPE).increment(sigma, sigma_next)
