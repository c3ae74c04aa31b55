"""Presets: what they may bring, what they may not, and that every mistake in a file is said in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.errors import InvalidField, NotFound
from studio.recipe import Mode, Recipe
from studio.recipe.preset_files import KEYS, parse_preset, read_preset, thumbnail_in, write_preset
from studio.recipe.presets import Preset, apply_all, in_order, name_for, partial_of


def preset(folder: Path, *lines: str) -> Path:
    file = folder / "mine.toml"
    file.write_text("\n".join(["[recipe]", *lines]), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "line", [f'source = "{"ab" * 32}"', f'mask = "{"ab" * 32}"', 'source_image = "1"', 'mask = ""']
)
def test_a_preset_that_brings_a_picture_is_refused_in_words(tmp_path: Path, line: str) -> None:
    read = read_preset(preset(tmp_path, "steps = 3", line))
    assert read.problem is not None and "cannot bring a picture" in read.problem
    assert line.split()[0] in read.problem
    with pytest.raises(InvalidField, match="cannot bring a picture"):
        read.apply(Recipe())


def test_a_preset_says_how_to_paint_and_keeps_the_persons_pictures(tmp_path: Path) -> None:
    read = read_preset(preset(tmp_path, 'mode = "inpaint"', "denoising_strength = 0.4", "mask_grow_px = -3"))
    assert read.problem is None
    mine = read.apply(Recipe(source="ab" * 32, mask="cd" * 32))
    assert (mine.mode, mine.denoising_strength, mine.mask_grow_px) == (Mode.INPAINT, 0.4, -3)
    assert (mine.source, mine.mask) == ("ab" * 32, "cd" * 32)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'titel = "x"\n[recipe]\nsteps = 3', ("titel", "title")),
        (b'title = "x"\n[recipes]\nsteps = 3', ("recipes", "recipe")),
        (b"recipe = 3", ("recipe", "3", "table")),
        (b"tags = 5", ("tags", "5", "list")),
        (b"tags = [5]", ("tags", "list")),
        (b"title = 5", ("title", "5", "quotes")),
        (b'default_for = "sd9"', ("default_for", "sd9", "sdxl")),
        (b'title = "\xff"', ("file", "byte 10", "UTF-8")),
        (b'title = = "x"', ("file", "TOML", "line 1")),
        (b"[recipe]\nstepz = 3", ("stepz", "steps")),
        (b"[recipe]\nsteps = 0", ("steps", "1 to 1000")),
        (b"[recipe]\nsteps = [1]", ("steps",)),
        (b"[recipe.steps]\nx = 1", ("steps",)),
        (b"a = " + b"[" * 3000, ("file",)),
        (b'title = "' + b"x" * 81 + b'"', ("title", "80")),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_words(tmp_path: Path, content: bytes, says: tuple[str, ...]) -> None:
    file = tmp_path / "odd.toml"
    file.write_bytes(content)
    problem = read_preset(file).problem
    assert problem is not None and all(words in problem for words in says), problem
    assert not any(word in problem for word in ("codec", "object", "Error", "iterable", "NoneType")), problem


def test_a_broken_file_keeps_its_title(tmp_path: Path) -> None:
    file = tmp_path / "odd.toml"
    file.write_text('title = "My look"\n[recipe]\nstepz = 3')
    assert read_preset(file).title == "My look"


def test_words_go_where_the_placeholder_stands() -> None:
    ink = Preset("ink", "Ink", fields={"prompt": "ink, {prompt}, on paper"}, example="a heron")
    plain = Preset("plain", "Plain", fields={"prompt": "grainy", "negative_prompt": "colour"})
    assert ink.apply(Recipe(prompt="a cat")).prompt == "ink, a cat, on paper"
    assert ink.apply(Recipe()).prompt == "ink, a heron, on paper"
    assert plain.apply(Recipe(prompt="a cat", negative_prompt="text")).prompt == "a cat, grainy"
    assert plain.apply(Recipe(negative_prompt="text")).negative_prompt == "text, colour"
    assert Preset("x", "X", fields={"prompt": "{prompt}, golden  hour"}).apply(Recipe()).prompt == "golden hour"
    both = apply_all(Recipe(prompt="a cat"), ["plain", "INK"], {"ink": ink, "plain": plain})
    assert both.prompt == "ink, a cat, grainy, on paper"
    with pytest.raises(NotFound, match="ink, plain"):
        apply_all(Recipe(), ["oil"], {"ink": ink, "plain": plain})


def test_a_preset_is_read_back_as_it_was_written() -> None:
    made = Preset(
        "odd-one",
        'Odd "one"',
        notes="two\nlines \\ and a \x7f",
        family="Looks",
        tags=("a", "ü"),
        example="a cat",
        default_for="sd1",
        fields={
            "prompt": 'say "{prompt}"\n#1',
            "steps": 7,
            "exact": True,
            "tiling": "both",
            "guidance_scale": 1e-5 + 1,
        },
    )
    data = write_preset(made, b"picture")
    assert parse_preset(data, "odd-one") == made and thumbnail_in(data) == b"picture"
    assert {line.split(" ")[0] for line in data.decode().splitlines()[:7]} <= set(KEYS)
    with pytest.raises(InvalidField, match="surrogate"):
        write_preset(Preset("x", "\ud800"))


def test_a_name_is_made_of_the_title() -> None:
    assert name_for("  Ink & Paper, No. 2 ") == "ink-paper-no-2" and name_for("../../etc/passwd") == "etc-passwd"
    assert name_for("夜景") == "夜景" and name_for("CON") == "preset-con" and len(name_for("x" * 300)) <= 60
    with pytest.raises(InvalidField, match="title"):
        name_for("…!")


def test_families_stand_in_their_order() -> None:
    names = ("b", "Samplers"), ("a", "Zebra"), ("c", "starter"), ("d", ""), ("a2", "Starter")
    found = in_order(Preset(name, name, family=family) for name, family in names)
    assert [one.name for one in found] == ["a2", "c", "b", "d", "a"]


def test_what_makes_one_picture_stays_out_of_a_look() -> None:
    recipe = Recipe(prompt="x", seed=5, mode=Mode.IMAGE, source="ab" * 32, steps=9, variation_strength=0.2)
    assert partial_of(recipe) == {"prompt": "x", "steps": 9}
