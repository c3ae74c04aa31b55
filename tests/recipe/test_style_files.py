"""A1111's ``styles.csv``, as its versions wrote it."""

from __future__ import annotations

import pytest

from studio.errors import InvalidField
from studio.recipe import Recipe
from studio.recipe.style_files import looks_like_styles, read_styles

NEW = (
    "\ufeffname,prompt,negative_prompt\r\n"
    'Film,"{prompt}, film grain, ""Portra""",digital\r\n'
    "--- looks ---,,\r\n"
    'Two lines,"first,\r\nsecond",\r\n'
    "Only negative,,blurry\r\n"
    "…,no name to make a file of,\r\n"
)


def test_every_style_that_says_something_becomes_a_preset() -> None:
    film, two, negative, odd = read_styles(NEW.encode())
    assert film.preset is not None and two.preset is not None and negative.preset is not None
    assert film.preset.fields == {"prompt": '{prompt}, film grain, "Portra"', "negative_prompt": "digital"}
    assert film.preset.apply(Recipe(prompt="a cat")).prompt == 'a cat, film grain, "Portra"'
    assert two.preset.fields["prompt"].splitlines() == ["first,", "second"]
    assert negative.preset.fields == {"negative_prompt": "blurry"} and negative.preset.name == "only-negative"
    assert odd.preset is None and odd.line == 7 and "title" in odd.problem


def test_older_files_call_the_prompt_text() -> None:
    [style] = read_styles(b"name,text\nInk,ink drawing of {prompt}\n")
    assert style.preset is not None and style.preset.fields == {"prompt": "ink drawing of {prompt}"}


def test_a_file_is_known_by_its_header() -> None:
    assert looks_like_styles(NEW.encode()) and looks_like_styles(b'"name","text"\n')
    assert not looks_like_styles(b'title = "x"\n') and not looks_like_styles(b"") and not looks_like_styles(b"\xff\xfe")


def test_what_is_no_such_file_is_refused() -> None:
    with pytest.raises(InvalidField, match="UTF-8"):
        read_styles(b"name,prompt\nx,\xff")
    with pytest.raises(InvalidField, match="CSV"):
        read_styles(b"name,prompt\nx," + b"y" * 200_000)
