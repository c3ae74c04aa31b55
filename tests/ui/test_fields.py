"""The form knows every field of a recipe, and a recipe comes back from it as it went in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from studio.errors import InvalidField
from studio.recipe import Emphasis, NoiseDevice, Recipe
from studio.ui.fields import FIELDS, recipe_from, untouched, values_from

RECIPES = some.builds(
    Recipe,
    prompt=some.text(max_size=40).filter(lambda text: "\x00" not in text),
    steps=some.none() | some.integers(1, 1000),
    guidance_scale=some.none() | some.floats(1, 100),
    seed=some.integers(-1, 2**32 - 1),
    width_px=some.none() | some.integers(64, 2048),
    variation_strength=some.floats(0, 1),
    eta=some.none() | some.floats(0, 10),
    emphasis=some.sampled_from(Emphasis),
    noise=some.sampled_from(NoiseDevice),
    exact=some.booleans(),
)


def test_the_form_has_every_field_of_a_recipe() -> None:
    assert set(FIELDS) == set(Recipe.model_fields)
    assert len(FIELDS) == len(set(FIELDS))


@given(recipe=RECIPES)
def test_a_recipe_survives_the_form(recipe: Recipe) -> None:
    assert recipe_from(values_from(recipe)) == recipe


def test_an_untouched_form_leaves_everything_to_the_checkpoint() -> None:
    assert recipe_from(untouched()) == Recipe()
    assert untouched()["seed"] is None and untouched()["steps"] is None


def test_a_value_out_of_its_limits_names_its_field() -> None:
    with pytest.raises(InvalidField) as caught:
        recipe_from({**untouched(), "steps": 0})
    assert caught.value.field == "steps"
