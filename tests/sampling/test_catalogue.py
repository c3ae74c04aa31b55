"""Every name a person, an old file or another program may use finds its sampler or schedule, without torch."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.errors import UnknownSampler
from studio.sampling.catalogue import (
    SAMPLERS,
    SCHEDULES,
    SamplerEntry,
    ScheduleEntry,
    advice_for,
    find_sampler,
    find_schedule,
)

DOCS = Path(__file__).resolve().parents[2] / "docs" / "samplers.md"

# Written down from A1111 1.10: name, aliases of its API, default schedule.
A1111 = {
    "DPM++ 2M": (("k_dpmpp_2m",), "karras"),
    "DPM++ SDE": (("k_dpmpp_sde",), "karras"),
    "DPM++ 2M SDE": (("k_dpmpp_2m_sde",), "exponential"),
    "DPM++ 2M SDE Heun": (("k_dpmpp_2m_sde_heun",), "exponential"),
    "DPM++ 2S a": (("k_dpmpp_2s_a",), "karras"),
    "DPM++ 3M SDE": (("k_dpmpp_3m_sde",), "exponential"),
    "Euler a": (("k_euler_a", "k_euler_ancestral"), "uniform"),
    "Euler": (("k_euler",), "uniform"),
    "LMS": (("k_lms",), "uniform"),
    "Heun": (("k_heun",), "uniform"),
    "DPM2": (("k_dpm_2",), "karras"),
    "DPM2 a": (("k_dpm_2_a",), "karras"),
    "DPM fast": (("k_dpm_fast",), "uniform"),
    "DPM adaptive": (("k_dpm_ad",), "uniform"),
    "Restart": (("restart",), "karras"),
    "DDIM": (("ddim",), "ddim"),
    "DDIM CFG++": (("ddim_cfgpp",), "ddim"),
    "PLMS": (("plms",), "ddim"),
    "UniPC": (("unipc",), "sgm_uniform"),
    "LCM": (("k_lcm",), "uniform"),
}

# The settled ranges: what the words of the range must say.
SETTLED = {
    "Euler a": ["8 to 16", "20 to 35"],
    "Euler": ["30 to 50"],
    "LMS": ["about 50"],
    "PLMS": ["about 50"],
    "DDIM": ["8 to 20"],
    "DPM2": ["30 to 80"],
    "DPM2 a": ["30 to 80"],
}


def test_samplers_and_schedules_are_those_of_a1111() -> None:
    assert {entry.name: (entry.aliases, entry.default_schedule) for entry in SAMPLERS} == A1111
    assert [entry.label for entry in SCHEDULES] == [
        "Automatic", "Uniform", "Karras", "Exponential", "Polyexponential", "SGM Uniform", "KL Optimal",
        "Align Your Steps", "Simple", "Normal", "DDIM", "Beta",
    ]  # fmt: skip


@pytest.mark.parametrize("entry", SAMPLERS, ids=lambda entry: entry.name)
def test_every_name_and_alias_resolves(entry: SamplerEntry) -> None:
    for name in (
        entry.name,
        *entry.aliases,
        entry.name.upper(),
        entry.name.replace(" ", "_"),
        f" {entry.name.lower()} ",
    ):
        assert find_sampler(name) == (entry, None)
    assert find_schedule(entry.default_schedule).name == entry.default_schedule


@pytest.mark.parametrize("entry", SCHEDULES, ids=lambda entry: entry.name)
def test_every_schedule_name_resolves(entry: ScheduleEntry) -> None:
    for name in (entry.name, entry.label, *entry.aliases, entry.label.lower()):
        assert find_schedule(name) is entry


@pytest.mark.parametrize(
    ("old", "sampler", "schedule"),
    [
        ("DPM++ 2M Karras", "DPM++ 2M", "karras"),
        ("DPM++ SDE Karras", "DPM++ SDE", "karras"),
        ("DPM++ 2M SDE Exponential", "DPM++ 2M SDE", "exponential"),
        ("DPM++ 2M SDE Heun Karras", "DPM++ 2M SDE Heun", "karras"),
        ("DPM++ 3M SDE Exponential", "DPM++ 3M SDE", "exponential"),
        ("DPM2 a Karras", "DPM2 a", "karras"),
        ("LMS Karras", "LMS", "karras"),
        ("k_dpmpp_2m_ka", "DPM++ 2M", "karras"),
        ("k_dpmpp_2s_a_ka", "DPM++ 2S a", "karras"),
        ("k_dpmpp_2m_sde_heun_exp", "DPM++ 2M SDE Heun", "exponential"),
        ("k_lms_ka", "LMS", "karras"),
        ("k_dpm_2_a_ka", "DPM2 a", "karras"),
        ("Euler a SGM Uniform", "Euler a", "sgm_uniform"),
        ("dpmpp_2s_ancestral", "DPM++ 2S a", None),
        ("uni_pc", "UniPC", None),
    ],
)
def test_old_and_foreign_names_resolve(old: str, sampler: str, schedule: str | None) -> None:
    entry, found = find_sampler(old)
    assert (entry.name, found) == (sampler, schedule)


@pytest.mark.parametrize("wrong", ["Eulr", "", "DPM++ 4M", "Karras", "x" * 5000])
def test_unknown_samplers_are_refused_with_near_names(wrong: str) -> None:
    with pytest.raises(UnknownSampler) as caught:
        find_sampler(wrong)
    assert any(entry.name in str(caught.value) for entry in SAMPLERS)
    assert len(str(caught.value)) < 500


def test_near_names_are_near() -> None:
    with pytest.raises(UnknownSampler, match=r"Did you mean .*Euler"):
        find_sampler("Eulr")
    with pytest.raises(UnknownSampler, match="Karras"):
        find_schedule("karas")


@given(st.text(max_size=80))
def test_any_text_is_found_or_refused_in_words(text: str) -> None:
    for find in (find_sampler, find_schedule):
        try:
            find(text)
        except UnknownSampler as error:
            assert "There is no" in str(error)


@pytest.mark.parametrize("entry", SAMPLERS, ids=lambda entry: entry.name)
def test_advice_appears_outside_the_useful_range_only(entry: SamplerEntry) -> None:
    assert advice_for(entry.name, entry.steps_low) is None
    assert advice_for(entry.name, entry.steps_high) is None
    if not entry.ignores_steps:
        assert f"few for {entry.name}" in str(advice_for(entry.name, entry.steps_low - 1))
        assert f"more than it needs for {entry.name}" in str(advice_for(entry.name, entry.steps_high + 1))


@pytest.mark.parametrize("name", SETTLED)
def test_settled_ranges_are_said(name: str) -> None:
    entry, _ = find_sampler(name)
    assert all(words in entry.useful_steps for words in SETTLED[name])
    numbers = [int(word) for words in SETTLED[name] for word in words.split() if word.isdigit()]
    assert entry.steps_low <= min(numbers) and max(numbers) <= entry.steps_high


@pytest.mark.parametrize("entry", SAMPLERS, ids=lambda entry: entry.name)
def test_the_words_of_a_range_hold_its_ends(entry: SamplerEntry) -> None:
    numbers = [int(word) for word in re.findall(r"\d+", entry.useful_steps)]
    if "about" in entry.useful_steps:
        assert entry.steps_low < numbers[0] < entry.steps_high
    elif not entry.ignores_steps:
        assert (min(numbers), max(numbers)) == (entry.steps_low, entry.steps_high)


def test_catalogue_is_read_without_torch() -> None:
    code = "import sys, studio.sampling.catalogue; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("entry", SAMPLERS, ids=lambda entry: entry.name)
def test_docs_hold_every_sampler_with_its_own_sentence(entry: SamplerEntry) -> None:
    text = DOCS.read_text(encoding="utf-8")
    orders = f"{entry.order:g} | {entry.calls_per_step} | {'yes' if entry.converges else 'no'}"
    assert f"| {entry.name} | `{entry.aliases[0]}` | {orders} | {entry.useful_steps} | {entry.advice} |" in text


@pytest.mark.parametrize("entry", SCHEDULES, ids=lambda entry: entry.name)
def test_docs_hold_every_schedule_with_its_own_sentence(entry: ScheduleEntry) -> None:
    assert f"| {entry.label} | `{entry.name}` | {entry.advice} |" in DOCS.read_text(encoding="utf-8")
