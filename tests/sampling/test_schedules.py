"""Schedules against closed forms, published tables, diffusers, and values printed by k-diffusion and SciPy."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import studio.sampling
from studio.errors import UnknownSampler
from studio.sampling import schedules
from studio.sampling.catalogue import SAMPLERS, SCHEDULES, SamplerEntry
from studio.sampling.noise_schedule import NoiseSchedule
from studio.sampling.registry import schedule, sigmas_for

TRAINED = NoiseSchedule.scaled_linear()
ENDS = (TRAINED.sigma_min, TRAINED.sigma_max)
NAMES = [entry.name for entry in SCHEDULES]

# diffusers hands tensors to NumPy in a way that NumPy 2 warns about.
numpy_warns = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SD15 = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}


def of(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(
    steps=st.integers(1, 120),
    sigma_min=st.floats(0.03, 0.5),
    sigma_max=st.floats(3.0, 14.6),
)
def test_every_schedule_falls_strictly_to_zero(name: str, steps: int, sigma_min: float, sigma_max: float) -> None:
    sigmas = schedule(name, steps, sigma_min, sigma_max)
    assert sigmas.shape == (steps + 1,) and sigmas.dtype == torch.float64
    assert float(sigmas[-1]) == 0
    assert (sigmas[1:] < sigmas[:-1]).all()
    assert sigma_min * 0.99 <= float(sigmas[-2]) and float(sigmas[0]) <= sigma_max * 1.01
    if name not in ("simple", "ddim"):  # These go by whole timesteps.
        assert float(sigmas[0]) == pytest.approx(sigma_max)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [1, 2, 333, 999, 1000, 1001])
def test_schedules_hold_at_the_limits_of_steps(name: str, steps: int) -> None:
    sigmas = schedule(name, steps, *ENDS)
    assert sigmas.shape == (steps + 1,) and (sigmas[1:] < sigmas[:-1]).all()
    assert torch.isfinite(sigmas).all()


@pytest.mark.parametrize("ends", [(0.0, 1.0), (-1.0, 1.0), (2.0, 1.0), (1.0, 1.0), (math.nan, 1.0), (0.1, math.inf)])
@pytest.mark.parametrize("name", NAMES)
def test_impossible_ends_are_refused(name: str, ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="sigma_min"):
        schedule(name, 5, *ends)


def test_no_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        schedule("karras", 0, *ENDS)


def test_public_function_is_the_registrys() -> None:
    assert studio.sampling.schedule("SGM Uniform", 5, *ENDS).equal(schedule("SGMUniform", 5, *ENDS))
    with pytest.raises(UnknownSampler):
        studio.sampling.schedule("Wavy", 5, *ENDS)


def test_karras_and_polyexponential_match_k_diffusion() -> None:
    # Printed by k-diffusion 0.1.1: get_sigmas_karras(5, 0.0292, 14.6146), get_sigmas_polyexponential(5, ..., rho=0.7).
    karras = of(14.614602, 4.797174, 1.274516, 0.248104, 0.029200, 0)
    polyexponential = of(14.614602, 4.703552, 1.339865, 0.307798, 0.029200, 0)
    torch.testing.assert_close(schedule("karras", 5, 0.0292, 14.6146), karras, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(
        schedules.polyexponential(5, 0.0292, 14.6146, 0.7), polyexponential, rtol=1e-6, atol=1e-6
    )


def test_exponential_divides_by_one_factor() -> None:
    sigmas = schedule("exponential", 4, 0.1, 100.0)
    torch.testing.assert_close(sigmas, of(100, 10, 1, 0.1, 0))
    torch.testing.assert_close(schedule("polyexponential", 4, 0.1, 100.0), sigmas)


def test_kl_optimal_is_even_in_its_angle() -> None:
    # tan of 60, 45 and 30 degrees.
    torch.testing.assert_close(schedule("kl_optimal", 3, 1 / math.sqrt(3), math.sqrt(3)), of(3**0.5, 1, 3**-0.5, 0))


@numpy_warns
@pytest.mark.parametrize(
    ("name", "options"),
    [("karras", {"use_karras_sigmas": True}), ("exponential", {"use_exponential_sigmas": True}), ("uniform", {})],
)
def test_diffusers_agrees(name: str, options: dict[str, bool]) -> None:
    theirs = EulerDiscreteScheduler(**SD15, timestep_spacing="linspace", **options)
    theirs.set_timesteps(12)
    # Over timesteps diffusers interpolates sigma itself, k-diffusion (and so A1111) its logarithm: a part in ten
    # thousand.
    torch.testing.assert_close(schedule(name, 12, *ENDS), theirs.sigmas.double(), rtol=5e-4, atol=1e-6)


def test_uniform_and_sgm_uniform_are_even_in_timesteps() -> None:
    uniform, sgm = schedule("uniform", 5, *ENDS), schedule("sgm_uniform", 5, *ENDS)
    torch.testing.assert_close(TRAINED.timestep(uniform[:-1]), of(999, 749.25, 499.5, 249.75, 0), rtol=0, atol=1e-6)
    torch.testing.assert_close(TRAINED.timestep(sgm[:-1]), of(999, 799.2, 599.4, 399.6, 199.8), rtol=0, atol=1e-6)
    assert schedule("normal", 5, *ENDS).equal(uniform) and schedule("automatic", 5, *ENDS).equal(uniform)


def test_simple_counts_down_and_ddim_up() -> None:
    # 1000 / 3 timesteps apart with fractions dropped, from 999 down; and 333 apart, from 1 up.
    torch.testing.assert_close(schedule("simple", 3, *ENDS)[:-1], TRAINED.sigmas[[999, 666, 333]])
    torch.testing.assert_close(schedule("ddim", 3, *ENDS)[:-1], TRAINED.sigmas[[667, 334, 1]])


def test_ddim_timesteps_are_those_of_diffusers() -> None:
    theirs = DDIMScheduler(**SD15, steps_offset=1, timestep_spacing="leading")
    for steps in (2, 7, 20, 50, 300):
        theirs.set_timesteps(steps)
        torch.testing.assert_close(schedule("ddim", steps, *ENDS)[:-1], TRAINED.sigmas[theirs.timesteps])


# scipy.stats.beta.ppf, SciPy 1.x: a = b = 0.6.
QUANTILES = {
    1e-4: 3.998377158137721e-07,
    0.01: 0.0008612388215429059,
    0.1: 0.03958440558878085,
    0.25: 0.17568037865269498,
    0.4: 0.3627009907532143,
    0.7: 0.7659829961247643,
    0.999: 0.9999814412614826,
}


@pytest.mark.parametrize("share", QUANTILES)
def test_beta_quantiles_match_scipy(share: float) -> None:
    assert float(schedules.beta_quantile(of(share), 0.6, 0.6)) == pytest.approx(QUANTILES[share], rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.001, 0.999))
def test_beta_distributions_with_closed_forms(x: float) -> None:
    assert float(schedules.beta_distribution(of(x), 0.5, 0.5)) == pytest.approx(
        2 / math.pi * math.asin(math.sqrt(x)), rel=1e-9
    )
    assert float(schedules.beta_distribution(of(x), 2, 2)) == pytest.approx(3 * x**2 - 2 * x**3, rel=1e-9)
    assert float(schedules.beta_distribution(of(x), 1, 3)) == pytest.approx(1 - (1 - x) ** 3, rel=1e-9)


def test_beta_spreads_quantiles_over_sigma() -> None:
    spread = [1.0, 1 - QUANTILES[0.25], 0.5, QUANTILES[0.25], 0.0]
    torch.testing.assert_close(schedule("beta", 5, 0.5, 10.5), of(*(0.5 + 10 * share for share in spread), 0))


def test_align_your_steps_gives_back_the_published_tables() -> None:
    for table in (schedules.ALIGN_YOUR_STEPS_SD15, schedules.ALIGN_YOUR_STEPS_SDXL):
        torch.testing.assert_close(schedules.align_your_steps(11, 0.029, 14.615, table), of(*table, 0))


def test_align_your_steps_tables_agree_with_their_published_timesteps() -> None:
    # The same tables as timesteps of Stable Diffusion, as diffusers ships them; sigmas were rounded to three digits.
    sd15 = [999, 850, 736, 645, 545, 455, 343, 233, 124, 24]
    sdxl = [999, 845, 730, 587, 443, 310, 193, 116, 53, 13]
    for table, timesteps in ((schedules.ALIGN_YOUR_STEPS_SD15, sd15), (schedules.ALIGN_YOUR_STEPS_SDXL, sdxl)):
        torch.testing.assert_close(of(*table[:10]), TRAINED.sigmas[timesteps], rtol=0.015, atol=0)


def test_align_your_steps_between_its_points_is_even_in_log_sigma() -> None:
    table = schedules.ALIGN_YOUR_STEPS_SD15
    twice = schedules.align_your_steps(21, 0.029, 14.615)
    torch.testing.assert_close(twice[0:21:2], of(*table))
    torch.testing.assert_close(twice[1:21:2], of(*(math.sqrt(a * b) for a, b in itertools.pairwise(table))))


@pytest.mark.parametrize("entry", SAMPLERS, ids=lambda entry: entry.name)
def test_the_engine_gets_as_many_steps_as_asked(entry: SamplerEntry) -> None:
    for schedule_name in NAMES:
        sigmas = sigmas_for(entry.name, schedule_name, 13, TRAINED, "sd1")
        assert sigmas.shape == (14,) and (sigmas[1:] < sigmas[:-1]).all() and float(sigmas[-1]) == 0


def test_automatic_is_the_samplers_own_schedule() -> None:
    assert sigmas_for("DPM++ 2M", "Automatic", 9, TRAINED, "sd1").equal(schedule("karras", 9, *ENDS))
    assert sigmas_for("DDIM", "automatic", 9, TRAINED, "sd1").equal(schedule("ddim", 9, *ENDS))
    assert sigmas_for("LMS Karras", "automatic", 9, TRAINED, "sd1").equal(schedule("karras", 9, *ENDS))
    assert sigmas_for("LMS Karras", "simple", 9, TRAINED, "sd1").equal(schedule("simple", 9, *ENDS))


def test_penultimate_sigma_is_discarded_as_a1111_does() -> None:
    longer = schedule("karras", 10, *ENDS)
    torch.testing.assert_close(sigmas_for("DPM2", "karras", 9, TRAINED, "sd1"), longer[[0, 1, 2, 3, 4, 5, 6, 7, 8, 10]])
    assert {entry.name for entry in SAMPLERS if entry.discards_penultimate} == {"DPM2", "DPM2 a", "DPM++ 3M SDE"}


def test_family_chooses_the_table_of_align_your_steps() -> None:
    sd15, sdxl = (sigmas_for("Euler", "Align Your Steps", 11, TRAINED, family) for family in ("sd1", "sdxl"))
    assert float(sd15[3]) == pytest.approx(2.697, rel=0.01)
    assert float(sdxl[3]) == pytest.approx(2.181, rel=0.01)


def test_zero_terminal_snr_starts_at_the_last_finite_sigma() -> None:
    trained = NoiseSchedule.scaled_linear(zero_terminal_snr=True)
    for entry in SCHEDULES:
        assert torch.isfinite(sigmas_for("Euler", entry.name, 20, trained, "sd2")).all()
