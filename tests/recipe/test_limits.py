"""The table of limits, and the sentences it answers with."""

from __future__ import annotations

import math

import pytest

from studio.errors import InvalidField
from studio.recipe.limits import LIMITS, MAX_PROMPT_CHARACTERS, MAX_SEED, Limit, check_prompt, check_size
from studio.recipe.model import Recipe, ResolvedRecipe


@pytest.mark.parametrize("field", LIMITS)
def test_the_ends_are_allowed_and_nothing_beyond(field: str) -> None:
    limit = LIMITS[field]
    limit.check(field, limit.least)
    limit.check(field, limit.most)
    for value in (limit.least - 1, limit.most + 1, math.inf, -math.inf, math.nan):
        with pytest.raises(InvalidField) as caught:
            limit.check(field, value)
        assert caught.value.field == field
        assert str(limit) in str(caught.value)


@pytest.mark.parametrize("field", LIMITS)
def test_every_limit_is_of_a_field_of_both_recipes(field: str) -> None:
    assert field in Recipe.model_fields
    assert field in ResolvedRecipe.model_fields


def test_limits_read_as_ranges() -> None:
    assert str(LIMITS["steps"]) == "1 to 1000"
    assert str(LIMITS["seed"]) == f"-1 to {MAX_SEED}" == "-1 to 4294967295"
    assert str(Limit(0, 0.5)) == "0 to 0.5"


@pytest.mark.parametrize("pixels", [64, 72, 512, 2048])
def test_sizes_of_whole_latent_cells_are_allowed(pixels: int) -> None:
    check_size("width_px", pixels, 2048)


@pytest.mark.parametrize("pixels", [0, -8, 56, 63, 65, 513, 2056, 10**9])
def test_other_sizes_are_refused(pixels: int) -> None:
    with pytest.raises(InvalidField, match="multiples of 8 from 64 to 2048") as caught:
        check_size("height_px", pixels, 2048)
    assert caught.value.field == "height_px"


def test_prompts_have_a_length_and_no_nul() -> None:
    check_prompt("prompt", "猫" * MAX_PROMPT_CHARACTERS)
    with pytest.raises(InvalidField, match="20,001 characters are too many"):
        check_prompt("prompt", "a" * (MAX_PROMPT_CHARACTERS + 1))
    with pytest.raises(InvalidField, match="NUL"):
        check_prompt("prompt", "a\x00b")


@pytest.mark.parametrize("value", [10**400, -(10**400), 10**400 + 1])
def test_a_number_longer_than_any_float_is_refused_in_words(value: int) -> None:
    with pytest.raises(InvalidField, match="out of range"):
        Recipe(seed=value)
