"""The forward process against closed forms, diffusers' own schedulers, and itself there and back."""

from __future__ import annotations

import math

import pytest
import torch
from diffusers import DDPMScheduler

from studio.sampling.noise_schedule import NoiseSchedule

SD15 = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}


def test_scaled_linear_matches_the_product_written_out() -> None:
    schedule = NoiseSchedule.scaled_linear()
    signal = 1.0
    for step in range(1000):
        root = math.sqrt(0.00085) + (math.sqrt(0.012) - math.sqrt(0.00085)) * step / 999
        signal *= 1 - root * root
        assert float(schedule.alphas_cumprod[step]) == pytest.approx(signal, rel=1e-10)
    assert schedule.alphas_cumprod.dtype == torch.float64


def test_ends_are_those_known_of_stable_diffusion() -> None:
    schedule = NoiseSchedule.scaled_linear()
    assert schedule.sigma_min == pytest.approx(0.0292, abs=1e-4)
    assert schedule.sigma_max == pytest.approx(14.6146, abs=1e-3)


@pytest.mark.parametrize("kind", ["scaled_linear", "linear", "squaredcos_cap_v2"])
@pytest.mark.parametrize("zero_terminal_snr", [False, True])
def test_from_config_agrees_with_diffusers(kind: str, zero_terminal_snr: bool) -> None:
    config = {**SD15, "beta_schedule": kind, "rescale_betas_zero_snr": zero_terminal_snr}
    theirs = DDPMScheduler(**config).alphas_cumprod.double()
    ours = NoiseSchedule.from_config(config).alphas_cumprod
    torch.testing.assert_close(ours, theirs, rtol=2e-4, atol=1e-7)


def test_unknown_beta_schedule_is_refused() -> None:
    with pytest.raises(ValueError, match="wavy"):
        NoiseSchedule.from_config({"beta_schedule": "wavy"})


def test_timestep_and_sigma_are_inverse() -> None:
    schedule = NoiseSchedule.scaled_linear()
    timesteps = torch.tensor([0.0, 0.25, 1.0, 499.5, 998.9, 999.0], dtype=torch.float64)
    torch.testing.assert_close(schedule.timestep(schedule.sigma(timesteps)), timesteps, rtol=0, atol=1e-7)
    torch.testing.assert_close(schedule.sigma(torch.arange(1000)), schedule.sigmas)


def test_between_steps_log_sigma_is_linear() -> None:
    schedule = NoiseSchedule.scaled_linear()
    middle = math.sqrt(float(schedule.sigmas[10]) * float(schedule.sigmas[11]))
    assert float(schedule.timestep(middle)) == pytest.approx(10.5)


def test_timestep_is_clamped() -> None:
    schedule = NoiseSchedule.scaled_linear()
    wild = torch.tensor([0.0, 1e-9, 1e9, math.inf], dtype=torch.float64)
    assert schedule.timestep(wild).tolist() == [0.0, 0.0, 999.0, 999.0]


def test_zero_terminal_snr_leaves_no_signal_and_stays_usable() -> None:
    schedule = NoiseSchedule.scaled_linear(zero_terminal_snr=True)
    assert float(schedule.alphas_cumprod[-1]) == 0.0
    assert float(schedule.alphas_cumprod[0]) == pytest.approx(1 - 0.00085)
    assert math.isfinite(schedule.sigma_max)
    assert math.isinf(float(schedule.sigma(999.0)))
    assert float(schedule.timestep(math.inf)) == 999.0
    assert float(schedule.timestep(schedule.sigma_max)) == pytest.approx(998.0)


def test_noised_and_velocity_give_the_picture_back() -> None:
    schedule = NoiseSchedule.scaled_linear()
    generator = torch.Generator().manual_seed(1)
    x0, noise = torch.randn(2, 3, 4, 5, 6, generator=generator).unbind(0)
    timesteps = torch.tensor([0, 400, 999])
    noised, velocity = schedule.noised(x0, noise, timesteps), schedule.velocity(x0, noise, timesteps)
    share = schedule.alphas_cumprod[timesteps].float().reshape(3, 1, 1, 1)
    torch.testing.assert_close(share.sqrt() * noised - (1 - share).sqrt() * velocity, x0, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(noised[1], share[1].sqrt() * x0[1] + (1 - share[1]).sqrt() * noise[1])
    assert noised.dtype == torch.float32
