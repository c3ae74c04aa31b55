"""Each sampler keeps the protocol: what it asks, how often, what it draws, and where it ends."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import studio.sampling
from studio.errors import UnknownSampler
from studio.sampling.ask import Ask, SamplerOptions
from studio.sampling.catalogue import SAMPLERS, SCHEDULES, SamplerEntry
from studio.sampling.driver import run
from studio.sampling.registry import SAMPLER_FUNCTIONS, default_options, sampler, schedule
from studio.sampling.samplers.dpm_fast import call_plan
from studio.sampling.samplers.lms import adams_bashforth
from studio.sampling.samplers.restart import restart_plan
from tests.sampling.inputs import X, no_noise, taped_noise
from tests.sampling.mixture import MIXTURE

every_sampler = pytest.mark.parametrize("entry", SAMPLERS, ids=lambda entry: entry.name)


def asks(
    entry: SamplerEntry, sigmas: Tensor, options: SamplerOptions | None = None
) -> tuple[list[Ask], list[Tensor], Tensor]:
    """All that a sampler asks on the mixture, what it was told, and what it returned."""
    steps = sampler(entry.name)(
        X * float(sigmas[0]) / 10, sigmas, taped_noise(), options or default_options(entry.name)
    )
    asked: list[Ask] = []
    told: list[Tensor] = []
    try:
        asked.append(next(steps))
        while True:
            told.append(MIXTURE.denoise(asked[-1].x, asked[-1].sigma))
            twice = asked[-1].want_unconditional
            asked.append(steps.send(torch.stack((told[-1], told[-1])) if twice else told[-1]))
    except StopIteration as end:
        return asked, told, end.value


def test_registry_and_catalogue_name_the_same_samplers() -> None:
    assert list(SAMPLER_FUNCTIONS) == [entry.name for entry in SAMPLERS]
    for entry in SAMPLERS:
        assert sampler(entry.aliases[0]) is sampler(entry.name)
        assert default_options(entry.name).eta == entry.default_eta
    with pytest.raises(UnknownSampler):
        studio.sampling.run("Oiler", MIXTURE.denoise, X, schedule("karras", 2, 0.1, 10), no_noise)


@every_sampler
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 20, 40])
def test_calls_are_those_of_the_catalogue_and_steps_count_up_to_the_last(entry: SamplerEntry, steps: int) -> None:
    asked, told, x = asks(entry, schedule("karras", steps, 0.05, 10.0))
    numbers = [ask.step for ask in asked]
    assert numbers == sorted(numbers) and numbers[-1] == steps - 1
    if not entry.ignores_steps:
        assert set(numbers) == set(range(steps))
        # The last step, to 0, asks once; PLMS asks twice in its first.
        extra = 1 if entry.name == "PLMS" and steps > 1 else 1 - entry.calls_per_step
        assert len(asked) == entry.calls_per_step * steps + extra
    # All but the two that go on along old slopes end in the picture they were told last.
    if entry.name not in ("LMS", "PLMS") or steps == 1:
        torch.testing.assert_close(x, told[-1], rtol=1e-12, atol=1e-12)
    assert asked[0].sigma == pytest.approx(10.0)
    assert all(0 < ask.sigma <= 10.0 * (1 + 1e-9) and ask.x.shape == X.shape for ask in asked)
    assert [ask.want_unconditional for ask in asked] == [entry.name == "DDIM CFG++"] * len(asked)


@every_sampler
@settings(max_examples=12, deadline=None)
@given(
    steps=st.integers(1, 45),
    schedule_name=st.sampled_from([entry.name for entry in SCHEDULES]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    eta=st.sampled_from([0.0, 0.3, 1.0, 1.7]),
)
def test_a_network_that_always_sees_one_picture_gets_it(
    entry: SamplerEntry, steps: int, schedule_name: str, dtype: torch.dtype, eta: float
) -> None:
    picture = torch.tensor([[0.3, -1.2, 2.0], [0.0, 0.7, -0.4]], dtype=dtype)
    sigmas = schedule(schedule_name, steps, 0.03, 14.6)
    generator = torch.Generator().manual_seed(steps)

    def draw(sigma: float, sigma_next: float) -> Tensor:
        return torch.randn(picture.shape, generator=generator, dtype=dtype)

    x = picture + sigmas[0].to(dtype) * draw(14.6, 14.6)
    before = x.clone()
    answer = run(entry.name, lambda x, sigma: picture, x, sigmas, draw, options=SamplerOptions(eta=eta))
    assert answer.dtype == dtype
    torch.testing.assert_close(answer, picture, rtol=0, atol=2e-4 if dtype == torch.float32 else 1e-9)
    assert x.equal(before), "a sampler wrote into the tensor it was given"


@every_sampler
def test_without_eta_and_churn_nothing_is_drawn(entry: SamplerEntry) -> None:
    if entry.name not in ("LCM", "Restart"):
        run(
            entry.name,
            MIXTURE.denoise,
            X,
            schedule("karras", 25, 0.05, 10.0),
            no_noise,
            options=SamplerOptions(eta=0.0),
        )


@every_sampler
def test_catalogue_says_which_samplers_draw_noise(entry: SamplerEntry) -> None:
    drawn: list[tuple[float, float]] = []

    def noise(sigma: float, sigma_next: float) -> Tensor:
        drawn.append((sigma, sigma_next))
        return torch.ones_like(X)

    run(entry.name, MIXTURE.denoise, X, schedule("karras", 25, 0.05, 10.0), noise, options=SamplerOptions(eta=0.5))
    assert bool(drawn) == (entry.noise != "none")
    assert all(sigma > 0 and sigma_next > 0 for sigma, sigma_next in drawn)


def test_adams_bashforth_weights_of_even_steps_are_the_textbooks() -> None:
    # Hairer, Norsett, Wanner, sec. III.1, table 1.1: 55/24, -59/24, 37/24, -9/24 and 3/2, -1/2.
    expected = [-55 / 24, 59 / 24, -37 / 24, 9 / 24]
    assert adams_bashforth([4.0, 5.0, 6.0, 7.0], 3.0) == pytest.approx(expected)
    assert adams_bashforth([4.0, 5.0], 3.0) == pytest.approx([-1.5, 0.5])
    assert adams_bashforth([4.0], 3.0) == [-1.0]


@given(st.integers(0, 500))
def test_dpm_fast_spends_exactly_its_calls(calls: int) -> None:
    plan = call_plan(calls)
    assert sum(plan) == calls
    assert set(plan[:-2]) <= {3}


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.sampled_from(["karras", "uniform", "exponential", "beta", "align_your_steps"]))
def test_restart_keeps_to_the_number_of_steps(steps: int, name: str) -> None:
    sigmas = schedule(name, steps, 0.03, 14.6)
    plan = restart_plan(sigmas)
    assert len(plan) == steps
    assert plan[0][0] == pytest.approx(14.6) and plan[-1][1] == 0
    assert all(sigma > sigma_next for sigma, sigma_next in plan)
    rises = [(low, high) for (_, low), (high, _) in itertools.pairwise(plan) if high != low]
    assert len(rises) == (0 if steps < 20 else 1 if steps < 36 else 2)
    assert all(low < high for low, high in rises)


def test_restart_of_little_noise_goes_straight_down() -> None:
    sigmas = schedule("karras", 30, 0.03, 0.09)
    assert len(restart_plan(sigmas)) == 30
    assert restart_plan(schedule("karras", 30, 0.3, 14.6))[-1][1] == 0


def test_short_restart_is_heun() -> None:
    sigmas = schedule("karras", 12, 0.05, 10.0)
    assert run("Restart", MIXTURE.denoise, X, sigmas, no_noise).equal(run("Heun", MIXTURE.denoise, X, sigmas, no_noise))


def test_adaptive_steps_hand_on_what_is_not_a_number() -> None:
    sigmas = schedule("karras", 10, 0.05, 10.0)
    broken = run("DPM adaptive", lambda x, sigma: x * math.nan, X, sigmas, no_noise)
    assert broken.isnan().all()


def test_closing_a_sampler_ends_it() -> None:
    steps = sampler("Heun")(X, schedule("karras", 10, 0.05, 10.0), no_noise, SamplerOptions())
    next(steps)
    steps.close()
    with pytest.raises(StopIteration):
        next(steps)
