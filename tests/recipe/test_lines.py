"""Prompts a line: A1111's flags, our fields, and lines that are wrong named by their number."""

from __future__ import annotations

import pytest

from studio.errors import InvalidField
from studio.recipe import Recipe
from studio.recipe.lines import MAX_LINES, read_lines, recipe_of


def test_a_line_is_a_prompt_or_flags() -> None:
    plain, flags = read_lines(
        "  a fox -- in snow \n\n# a note\n--prompt \"a 'red' fox\" --steps 20 --n_iter 2 --batch_size 3"
    )
    assert (plain.number, plain.fields, plain.count) == (1, {"prompt": "a fox -- in snow"}, None)
    assert (flags.number, flags.fields, flags.count) == (4, {"prompt": "a 'red' fox", "steps": "20"}, 6)


def test_the_flags_of_a1111_are_fields_of_ours() -> None:
    (line,) = read_lines(
        '--prompt a red fox --negative_prompt "text, words" --sampler_name "DPM++ 2M" --cfg_scale 6.5 --seed -1 '
        "--width 64 --height 128 --sd_model starter --subseed 4 --subseed_strength 0.2 --tiling true "
        "--do_not_save_grid true --exact true"
    )
    assert recipe_of(line, Recipe(steps=9)) == Recipe(
        prompt="a red fox",
        negative_prompt="text, words",
        sampler="DPM++ 2M",
        guidance_scale=6.5,
        width_px=64,
        height_px=128,
        checkpoint="starter",
        variation_seed=4,
        variation_strength=0.2,
        tiling="both",  # type: ignore[arg-type]
        exact=True,
        steps=9,
    )


def test_a_line_goes_where_the_shared_prompt_says() -> None:
    first, second = read_lines("fox\n--steps 3 --prompt owl")
    shared = Recipe(prompt="flat {prompt}, blue", negative_prompt="text")
    assert [recipe_of(line, shared).prompt for line in (first, second)] == ["flat fox, blue", "flat owl, blue"]
    assert recipe_of(first, Recipe(prompt="something else")).prompt == "fox"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no prompt in it"),
        ("# nothing", "no prompt in it"),
        ("a\n--stepz 20", "line 2: --stepz is no flag; near it: steps"),
        ('a\n--prompt "x', "line 2: a quotation mark is never closed"),
        ("--steps", "line 1: --steps has no value"),
        ("--n_iter many --prompt x", "line 1: --n_iter takes a whole number"),
        ("a\n" * (MAX_LINES + 1), f"{MAX_LINES + 1} lines are too many"),
    ],
)
def test_what_is_wrong_names_its_line(text: str, words: str) -> None:
    with pytest.raises(InvalidField) as caught:
        read_lines(text)
    assert words in str(caught.value) and caught.value.field == "lines"
