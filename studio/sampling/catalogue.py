"""What samplers and schedules there are, under which names, and what a person needs to choose among them.

Owns names, aliases, defaults and the advice shown beside the choice. It imports no torch, so the page, the CLI and
the REST routes can list samplers; the mathematics is in `samplers/` and `schedules.py`, joined to these names in
`registry.py`. It refuses unknown names with the near ones listed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from studio.errors import UnknownSampler

NoiseKind = Literal["none", "step", "interval"]
"""What a sampler draws: nothing, a fresh draw per step, or the increments of one Brownian path (stays the same path
at any steps).
"""


@dataclass(frozen=True)
class SamplerEntry:
    """One sampler as a person sees it.

    `order`: with n times the steps the error falls by n to this power (for those that draw noise: the order with eta
    0, while the picture keeps changing where `converges` is false). `calls_per_step`: network calls, so time, per
    step. `converges`: whether more steps bring the same picture nearer to one limit. `steps_low` to `steps_high`: the
    useful range, said in words by `useful_steps`. `discards_penultimate`: it is given one step more and skips the
    last sigma but one, as A1111 does.
    """

    name: str
    aliases: tuple[str, ...]
    default_schedule: str
    order: float
    calls_per_step: int
    converges: bool
    steps_low: int
    steps_high: int
    default_eta: float
    advice: str
    useful_steps: str
    noise: NoiseKind = "none"
    discards_penultimate: bool = False
    ignores_steps: bool = False


@dataclass(frozen=True)
class ScheduleEntry:
    """One way to spread the steps over the noise levels: `name` is A1111's internal one, `label` what the page
    shows.
    """

    name: str
    label: str
    aliases: tuple[str, ...]
    advice: str
    default_rho: float = -1.0
    uses_timesteps: bool = False


# Names, aliases, default schedules and their order are A1111 1.10's.
# The steps of Euler a, Euler, LMS, PLMS, DDIM, DPM2 and DPM2 a are settled.
SAMPLERS: tuple[SamplerEntry, ...] = (
    SamplerEntry(
        "DPM++ 2M", ("k_dpmpp_2m",), "karras", 2, 1, True, 15, 35, 0.0,
        "The one to start with: accurate from 20 steps at one call each, and the same picture at more.",
        "20 to 30 for most pictures, 15 to 35 at most",
    ),
    SamplerEntry(
        "DPM++ SDE", ("k_dpmpp_sde",), "karras", 2, 2, True, 8, 25, 1.0,
        "Rich detail in few steps, each twice as slow.",
        "8 to 15 for most pictures, up to 25", "interval",
    ),
    SamplerEntry(
        "DPM++ 2M SDE", ("k_dpmpp_2m_sde",), "exponential", 2, 1, True, 25, 40, 1.0,
        "As DPM++ 2M with fresh noise on the way: more texture, wants a few steps more.",
        "25 to 40", "interval",
    ),
    SamplerEntry(
        "DPM++ 2M SDE Heun", ("k_dpmpp_2m_sde_heun",), "exponential", 2, 1, True, 25, 40, 1.0,
        "A variant of DPM++ 2M SDE that leans harder on the previous step.",
        "25 to 40", "interval",
    ),
    SamplerEntry(
        "DPM++ 2S a", ("k_dpmpp_2s_a",), "karras", 2, 2, False, 10, 30, 1.0,
        "Accurate steps with fresh noise in between: varied, twice as slow per step.",
        "10 to 20 for most pictures, up to 30", "step",
    ),
    SamplerEntry(
        "DPM++ 3M SDE", ("k_dpmpp_3m_sde",), "exponential", 2, 1, True, 30, 50, 1.0,
        "Looks back two steps: fine detail, but only with many steps and moderate guidance.",
        "30 to 50", "interval", discards_penultimate=True,
    ),
    SamplerEntry(
        "Euler a", ("k_euler_a", "k_euler_ancestral"), "uniform", 1, 1, False, 8, 35, 1.0,
        "Fast and inventive; the picture keeps changing with the steps.",
        "8 to 16 for quick looks, 20 to 35 for the interesting", "step",
    ),
    SamplerEntry(
        "Euler", ("k_euler",), "uniform", 1, 1, True, 30, 50, 0.0,
        "The plain method: steady and predictable.",
        "30 to 50",
    ),
    SamplerEntry(
        "LMS", ("k_lms",), "uniform", 3, 1, True, 40, 60, 0.0,
        "Looks back three steps: smooth and exact with many steps, speckled with few.",
        "about 50",
    ),
    SamplerEntry(
        "Heun", ("k_heun",), "uniform", 2, 2, True, 15, 30, 0.0,
        "Each step corrected by a second look: accurate, twice as slow.",
        "15 to 30",
    ),
    SamplerEntry(
        "DPM2", ("k_dpm_2",), "karras", 2, 2, True, 30, 80, 0.0,
        "Looks half a step ahead: accurate but slow.",
        "30 to 80, slow", discards_penultimate=True,
    ),
    SamplerEntry(
        "DPM2 a", ("k_dpm_2_a",), "karras", 2, 2, False, 30, 80, 1.0,
        "DPM2 with fresh noise at each step: varied, slow.",
        "30 to 80, slow", "step", discards_penultimate=True,
    ),
    SamplerEntry(
        "DPM fast", ("k_dpm_fast",), "uniform", 2, 1, True, 20, 50, 0.0,
        "Spends its calls in steps of third order; chooses its own noise levels.",
        "20 to 50", "step",
    ),
    SamplerEntry(
        "DPM adaptive", ("k_dpm_ad",), "uniform", 3, 3, True, 1, 1000, 0.0,
        "Measures its own error and takes as many calls as it needs: slow, and the steps setting has no effect.",
        "any: it chooses for itself", "step", ignores_steps=True,
    ),
    SamplerEntry(
        "Restart", ("restart",), "karras", 2, 2, False, 20, 60, 1.0,
        "Heun that, from 20 steps on, goes back to more noise and down again, which mends its mistakes.",
        "20 to 60", "step",
    ),
    SamplerEntry(
        "DDIM", ("ddim",), "ddim", 1, 1, True, 8, 20, 0.0,
        "Settles early and goes well with image-to-image.",
        "from 8 to 20 for quick tests", "step",
    ),
    SamplerEntry(
        "DDIM CFG++", ("ddim_cfgpp",), "ddim", 1, 1, True, 20, 50, 0.0,
        "DDIM that keeps to natural colours at high guidance; the guidance scale counts 12.5 times less.",
        "20 to 50", "step",
    ),
    SamplerEntry(
        "PLMS", ("plms",), "ddim", 2, 1, True, 40, 60, 0.0,
        "The sampler of the first Stable Diffusion: exact with many steps, poor with few.",
        "about 50",
    ),
    SamplerEntry(
        "UniPC", ("unipc",), "sgm_uniform", 4, 1, True, 8, 25, 0.0,
        "Predicts and corrects with one call per step: among the best in few steps.",
        "8 to 20 for most pictures, up to 25",
    ),
    SamplerEntry(
        "LCM", ("k_lcm",), "uniform", 1, 1, False, 4, 8, 1.0,
        "Only for models or LoRAs distilled for it, with guidance near 1: finished in a handful of steps.",
        "4 to 8", "step",
    ),
)  # fmt: skip

SCHEDULES: tuple[ScheduleEntry, ...] = (
    ScheduleEntry("automatic", "Automatic", (), "What suits the sampler."),
    ScheduleEntry("uniform", "Uniform", (), "Even over the timesteps the model was trained on.", uses_timesteps=True),
    ScheduleEntry("karras", "Karras", (), "Many steps at low noise, where detail is made.", default_rho=7.0),
    ScheduleEntry("exponential", "Exponential", (), "Every step divides the noise by the same factor."),
    ScheduleEntry("polyexponential", "Polyexponential", (), "As Exponential, bent by a power of rho.", default_rho=1.0),
    ScheduleEntry(
        "sgm_uniform", "SGM Uniform", ("SGMUniform",),
        "Even over the timesteps, with a larger last step; suits distilled models.",
        uses_timesteps=True,
    ),
    ScheduleEntry("kl_optimal", "KL Optimal", (), "Even in the angle of noise against signal."),
    ScheduleEntry("align_your_steps", "Align Your Steps", (), "Noise levels found by optimisation for 10 steps."),
    ScheduleEntry("simple", "Simple", (), "Every so many trained timesteps, from the noisy end.", uses_timesteps=True),
    ScheduleEntry("normal", "Normal", (), "Even over the timesteps between the two ends.", uses_timesteps=True),
    ScheduleEntry("ddim", "DDIM", (), "Every so many trained timesteps, from the clean end.", uses_timesteps=True),
    ScheduleEntry("beta", "Beta", (), "Crowded at both ends: steps where structure and where detail are made."),
)  # fmt: skip

_OLD_SUFFIXES = {"ka": "karras", "exp": "exponential"}


def find_sampler(name: str) -> tuple[SamplerEntry, str | None]:
    """The sampler of that name or alias, in any spelling of case, spaces and underscores.

    An old combined name ("DPM++ 2M Karras", "k_dpmpp_2m_ka") also gives the internal name of its schedule; else that
    is None. Raises `UnknownSampler`, with near names in its message.
    """
    key = _key(name)
    if key in _SAMPLER_KEYS:
        return _SAMPLER_KEYS[key], None
    for suffix, schedule in _SUFFIXES.items():
        if key.endswith(suffix) and key[: -len(suffix)] in _SAMPLER_KEYS:
            return _SAMPLER_KEYS[key[: -len(suffix)]], schedule
    raise UnknownSampler(_unknown("sampler", name, [entry.name for entry in SAMPLERS]))


def find_schedule(name: str) -> ScheduleEntry:
    """The schedule of that internal name, label or alias. Raises `UnknownSampler`, with near names in its message."""
    key = _key(name)
    if key in _SCHEDULE_KEYS:
        return _SCHEDULE_KEYS[key]
    raise UnknownSampler(_unknown("schedule", name, [entry.label for entry in SCHEDULES]))


def advice_for(name: str, steps: int) -> str | None:
    """A short sentence when `steps` lies outside the sampler's useful range, else None. Raises `UnknownSampler`."""
    entry, _ = find_sampler(name)
    if entry.steps_low <= steps <= entry.steps_high:
        return None
    judgement = "few" if steps < entry.steps_low else "more than it needs"
    return f"{steps} {'step is' if steps == 1 else 'steps are'} {judgement} for {entry.name}: {entry.useful_steps}."


def _key(name: str) -> str:
    squeezed = re.sub(r"[^a-z0-9]", "", name.lower().replace("++", "pp").replace("ancestral", "a"))
    return squeezed[1:] if name.lower().startswith("k_") else squeezed


def _unknown(kind: str, name: str, names: list[str]) -> str:
    shown = name if len(name) <= 60 else name[:57] + "..."
    by_key = {_key(known): known for known in names}
    near = [by_key[key] for key in get_close_matches(_key(name)[:60], by_key, n=4, cutoff=0.5)]
    if near:
        return f'There is no {kind} "{shown}". Did you mean {" or ".join(near)}?'
    return f'There is no {kind} "{shown}". There are: {", ".join(names)}.'


_SAMPLER_KEYS = {_key(known): entry for entry in SAMPLERS for known in (entry.name, *entry.aliases)}
_SCHEDULE_KEYS = {_key(known): entry for entry in SCHEDULES for known in (entry.name, entry.label, *entry.aliases)}
_SUFFIXES = {key: entry.name for key, entry in _SCHEDULE_KEYS.items()} | _OLD_SUFFIXES
