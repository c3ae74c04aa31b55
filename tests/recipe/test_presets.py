"""Presets: what they may bring, and what they may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.errors import InvalidField
from studio.recipe import Mode, Recipe
from studio.recipe.presets import load_presets, read_preset


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


def test_those_that_ship_have_no_problem() -> None:
    shipped = load_presets([Path(__file__).resolve().parents[2] / "presets"])
    assert shipped and not [preset.problem for preset in shipped.values() if preset.problem]
