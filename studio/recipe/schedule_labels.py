"""The words of A1111's text for schedules, and old sampler names that hold one.

The sampler catalogue must agree with the labels; a test says so.
"""

from __future__ import annotations

SCHEDULE_LABELS = {
    "automatic": "Automatic",
    "uniform": "Uniform",
    "karras": "Karras",
    "exponential": "Exponential",
    "polyexponential": "Polyexponential",
    "sgm_uniform": "SGM Uniform",
    "kl_optimal": "KL Optimal",
    "align_your_steps": "Align Your Steps",
    "simple": "Simple",
    "normal": "Normal",
    "ddim": "DDIM",
    "beta": "Beta",
}
"""A1111's internal names and the labels its text shows."""

_SPELLINGS = sorted(
    [
        *((label, name) for name, label in SCHEDULE_LABELS.items()),
        *((name, name) for name in SCHEDULE_LABELS),
        ("SGMUniform", "sgm_uniform"),
    ],
    # "SGM Uniform" before "Uniform".
    key=lambda pair: -len(pair[0]),
)
_NAMES = {spelling.lower(): name for spelling, name in _SPELLINGS}


def label_of(schedule: str) -> str:
    """The label of a schedule's internal name; a name that has none is its own."""
    return SCHEDULE_LABELS.get(schedule, schedule)


def sampler_and_schedule(sampler: str, label: str) -> tuple[str, str]:
    """A sampler's name and its schedule's internal name, "auto" where the text leaves it open.

    Up to A1111 1.8 the schedule was part of the sampler's name ("DPM++ 2M Karras"); if it is there, it counts.
    """
    for spelling, name in _SPELLINGS:
        if sampler.endswith(f" {spelling}"):
            return sampler.removesuffix(spelling).rstrip(), name
    if label.lower() == "automatic":
        return sampler, "auto"
    return sampler, _NAMES.get(label.lower(), label)
