"""Recipes: frozen, limited, told apart from what is resolved."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from pydantic import ValidationError

from studio.errors import InvalidField
from studio.recipe import Emphasis, NoiseDevice, Recipe, ResolvedRecipe
from studio.recipe.limits import MAX_SEED
from tests.recipe.samples import sample


def test_a_recipe_asks_for_nothing_it_does_not_say() -> None:
    recipe = Recipe()
    assert (recipe.checkpoint, recipe.sampler, recipe.schedule, recipe.seed) == ("auto", "auto", "auto", -1)
    assert (recipe.steps, recipe.guidance_scale, recipe.width_px, recipe.height_px) == (None, None, None, None)


def test_recipes_are_frozen_and_compare_by_value() -> None:
    recipe = Recipe(prompt="cat")
    with pytest.raises(ValidationError):
        recipe.prompt = "dog"  # type: ignore[misc]
    assert recipe == Recipe(prompt="cat") != Recipe(prompt="dog")
    assert hash(recipe) == hash(Recipe(prompt="cat"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0),
        ("steps", 10**9),
        ("steps", 2.5),
        ("steps", "many"),
        ("guidance_scale", float("nan")),
        ("guidance_scale", float("inf")),
        ("guidance_scale", 0.5),
        ("seed", -2),
        ("seed", MAX_SEED + 1),
        ("width_px", 0),
        ("height_px", 10**9),
        ("clip_skip", 0),
        ("variation_strength", 1.5),
        ("eta", -1),
        ("prompt", "a" * 1_000_000),
        ("prompt", "\x00"),
        ("negative_prompt", 3),
        ("emphasis", "loud"),
        ("mode", "video"),
        ("colour", "red"),
    ],
)
def test_bad_values_name_their_field(field: str, value: Any) -> None:
    with pytest.raises(InvalidField) as caught:
        Recipe(**{field: value})
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: ")
    assert len(str(caught.value)) < 600


def test_a_field_that_is_none_names_those_like_it() -> None:
    with pytest.raises(InvalidField, match="guidance_scale"):
        Recipe(cfg_scale=7)


def test_a_resolved_recipe_leaves_nothing_out() -> None:
    """Fields that came later have defaults, because jobs and pictures of before know nothing of them."""
    fields = sample().model_dump()
    for name in [name for name, field in ResolvedRecipe.model_fields.items() if field.is_required()]:
        with pytest.raises(InvalidField, match=name):
            ResolvedRecipe(**{key: value for key, value in fields.items() if key != name})


def test_fields_laid_over_are_checked_again() -> None:
    recipe = Recipe(prompt="cat", steps=20)
    assert recipe.with_fields({"steps": 30}) == Recipe(prompt="cat", steps=30)
    with pytest.raises(InvalidField, match="steps"):
        recipe.with_fields({"steps": 0})


def test_the_seed_counts_up_over_the_pictures_of_a_job() -> None:
    recipe = sample(seed=MAX_SEED - 1)
    assert [recipe.for_picture(index).seed for index in range(4)] == [MAX_SEED - 1, MAX_SEED, 0, 1]
    assert recipe.for_picture(0) == recipe


def test_the_variation_seed_counts_up_when_it_is_in_use() -> None:
    recipe = sample(seed=5, variation_seed=10, variation_strength=0.1)
    third = recipe.for_picture(2)
    assert (third.seed, third.variation_seed) == (5, 12)


def test_a_resolved_recipe_goes_back_into_the_form() -> None:
    resolved = sample(emphasis=Emphasis.NO_NORM, noise=NoiseDevice.PHILOX, exact=True)
    recipe = resolved.to_recipe()
    shared = set(Recipe.model_fields) & set(ResolvedRecipe.model_fields)
    assert {name: getattr(recipe, name) for name in shared} == {name: getattr(resolved, name) for name in shared}
    assert shared == set(Recipe.model_fields)


def test_recipes_travel_as_json_and_pickles() -> None:
    resolved = sample(guidance_scale=7.1, prompt="猫\n")
    assert ResolvedRecipe(**resolved.model_dump(mode="json")) == resolved
    assert pickle.loads(pickle.dumps(resolved)) == resolved


@pytest.mark.parametrize("name", ["a" * 65, "../etc", "a b", "猫"])
def test_the_id_of_the_picture_it_came_from_is_short_and_plain(name: str) -> None:
    with pytest.raises(InvalidField, match="source_image"):
        Recipe(source_image=name)
    assert Recipe(source_image="0_aZ-" * 12).source_image
