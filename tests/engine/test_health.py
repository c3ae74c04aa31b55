"""What counts as a runaway picture, and which setting the sentence names."""

from __future__ import annotations

import math

import pytest
import torch

from studio.engine.health import check, check_latents, spreads
from studio.errors import Unstable
from tests.engine.recipes import resolved


def test_spreads_are_relative_to_what_the_noise_level_lets_expect() -> None:
    generator = torch.Generator().manual_seed(0)
    clean = torch.randn(4, 64, 64, generator=generator)
    noise = torch.randn(4, 64, 64, generator=generator)
    (relative, spread), (half, _) = spreads([clean + 14 * noise, noise / 2], [14.0, 0.0], [clean, clean])
    assert relative == pytest.approx(1, abs=0.02)
    assert spread == pytest.approx(1, abs=0.02)
    assert half == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_one_bad_number_is_enough(bad: float) -> None:
    denoised = torch.ones(4, 8, 8)
    denoised[3, 7, 7] = bad
    [spread] = spreads([torch.randn(4, 8, 8)], [1.0], [denoised])
    with pytest.raises(Unstable, match="NaN or infinity"):
        check(spread, resolved())


def test_sane_spreads_pass() -> None:
    for relative, clean in [(1.0, 1.0), (0.05, 0.2), (12.0, 12.0), (1.0, 100.0)]:
        check((relative, clean), resolved())
    check_latents(torch.randn(4, 8, 8), resolved())


@pytest.mark.parametrize(
    ("fields", "advice"),
    [
        ({"guidance_scale": 30.0}, "lower guidance scale than 30"),
        ({"steps": 4}, "more steps than 4"),
        ({"steps": 30}, "another schedule than uniform"),
    ],
)
def test_a_runaway_names_the_setting_to_change(fields: dict[str, float], advice: str) -> None:
    for spread in [(200.0, 1.0), (1e-5, 0.0)]:
        with pytest.raises(Unstable, match=advice):
            check(spread, resolved(**fields))
    for latents in (100 * torch.randn(4, 8, 8), torch.zeros(4, 8, 8), torch.full((4, 8, 8), math.nan)):
        with pytest.raises(Unstable, match=advice):
            check_latents(latents, resolved(**fields))
