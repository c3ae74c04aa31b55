"""Joins the catalogue's names to the functions that do the work.

Owns which function a name means and which sigmas the engine runs. It refuses unknown names with `UnknownSampler`, and
holds no formula.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from studio.sampling import schedules
from studio.sampling.ask import SamplerFunction, SamplerOptions
from studio.sampling.catalogue import find_sampler, find_schedule
from studio.sampling.noise_schedule import NoiseSchedule
from studio.sampling.samplers.ddim import ddim, ddim_cfgpp
from studio.sampling.samplers.dpm2 import dpm2, dpm2_ancestral
from studio.sampling.samplers.dpm_adaptive import dpm_adaptive
from studio.sampling.samplers.dpm_fast import dpm_fast
from studio.sampling.samplers.dpmpp_2m import dpmpp_2m
from studio.sampling.samplers.dpmpp_2m_sde import dpmpp_2m_sde, dpmpp_2m_sde_heun
from studio.sampling.samplers.dpmpp_2s_ancestral import dpmpp_2s_ancestral
from studio.sampling.samplers.dpmpp_3m_sde import dpmpp_3m_sde
from studio.sampling.samplers.dpmpp_sde import dpmpp_sde
from studio.sampling.samplers.euler import euler, euler_ancestral
from studio.sampling.samplers.heun import heun
from studio.sampling.samplers.lcm import lcm
from studio.sampling.samplers.lms import lms
from studio.sampling.samplers.plms import plms
from studio.sampling.samplers.restart import restart
from studio.sampling.samplers.unipc import unipc

SAMPLER_FUNCTIONS: dict[str, SamplerFunction] = {
    "DPM++ 2M": dpmpp_2m,
    "DPM++ SDE": dpmpp_sde,
    "DPM++ 2M SDE": dpmpp_2m_sde,
    "DPM++ 2M SDE Heun": dpmpp_2m_sde_heun,
    "DPM++ 2S a": dpmpp_2s_ancestral,
    "DPM++ 3M SDE": dpmpp_3m_sde,
    "Euler a": euler_ancestral,
    "Euler": euler,
    "LMS": lms,
    "Heun": heun,
    "DPM2": dpm2,
    "DPM2 a": dpm2_ancestral,
    "DPM fast": dpm_fast,
    "DPM adaptive": dpm_adaptive,
    "Restart": restart,
    "DDIM": ddim,
    "DDIM CFG++": ddim_cfgpp,
    "PLMS": plms,
    "UniPC": unipc,
    "LCM": lcm,
}

FROM_ENDS: dict[str, Callable[[int, float, float], Tensor]] = {
    "karras": schedules.karras,
    "exponential": schedules.exponential,
    "polyexponential": schedules.polyexponential,
    "kl_optimal": schedules.kl_optimal,
    "align_your_steps": schedules.align_your_steps,
    "beta": schedules.beta,
}

FROM_TIMESTEPS: dict[str, Callable[[int, float, float, NoiseSchedule], Tensor]] = {
    # Whoever asks for "automatic" by itself, without a sampler, gets what most samplers do.
    "automatic": schedules.uniform,
    "uniform": schedules.uniform,
    "sgm_uniform": schedules.sgm_uniform,
    "simple": schedules.simple,
    "normal": schedules.normal,
    "ddim": schedules.ddim,
}


def sampler(name: str) -> SamplerFunction:
    """The sampler of that name or alias. Raises `UnknownSampler`."""
    return SAMPLER_FUNCTIONS[find_sampler(name)[0].name]


def default_options(name: str, noise_schedule: NoiseSchedule | None = None) -> SamplerOptions:
    """The options the sampler of that name runs with when nobody says otherwise. Raises `UnknownSampler`."""
    return SamplerOptions(eta=find_sampler(name)[0].default_eta, noise_schedule=noise_schedule)


def schedule(name: str, steps: int, sigma_min: float, sigma_max: float) -> Tensor:
    """The sigmas of a schedule, (steps + 1,), float64, strictly falling and ending in 0.

    Schedules that go by trained timesteps go by Stable Diffusion's. Raises `UnknownSampler` for an unknown name, and
    ValueError unless there is a step and 0 < sigma_min < sigma_max.
    """
    return _sigmas(find_schedule(name).name, steps, sigma_min, sigma_max, _stable_diffusion())


def sigmas_for(sampler_name: str, schedule_name: str, steps: int, noise_schedule: NoiseSchedule, family: str) -> Tensor:
    """The sigmas the engine runs a picture with, (steps + 1,), float64, strictly falling and ending in 0.

    "automatic" means the sampler's own schedule; for DDIM, DDIM CFG++, PLMS and UniPC those are the timesteps their
    papers use. `family` ("sd1", "sd2", "sdxl", ...) chooses the published table of Align Your Steps. Raises
    `UnknownSampler`.
    """
    entry, combined = find_sampler(sampler_name)
    name = find_schedule(schedule_name).name
    if name == "automatic":
        name = combined or entry.default_schedule
    ends = noise_schedule.sigma_min, noise_schedule.sigma_max
    asked = steps + entry.discards_penultimate
    if name == "align_your_steps" and family == "sdxl":
        sigmas = schedules.align_your_steps(asked, *ends, schedules.ALIGN_YOUR_STEPS_SDXL)
    else:
        sigmas = _sigmas(name, asked, *ends, noise_schedule)
    return torch.cat((sigmas[:-2], sigmas[-1:])) if entry.discards_penultimate else sigmas


def _sigmas(name: str, steps: int, sigma_min: float, sigma_max: float, trained: NoiseSchedule) -> Tensor:
    if name in FROM_ENDS:
        return FROM_ENDS[name](steps, sigma_min, sigma_max)
    return FROM_TIMESTEPS[name](steps, sigma_min, sigma_max, trained)


@cache
def _stable_diffusion() -> NoiseSchedule:
    return NoiseSchedule.scaled_linear()
