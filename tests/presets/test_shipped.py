"""The presets that ship: whole, sensible for their samplers, in families."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from studio.paths import shipped
from studio.recipe.preset_files import read_preset
from studio.recipe.presets import FAMILIES, PLACEHOLDER, Preset
from studio.sampling import catalogue

FILES = sorted(shipped("presets").glob("*.toml"))
PRESETS = [read_preset(file) for file in FILES]
MOST_PICTURE_BYTES = 12_000


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_each_is_whole(preset: Preset) -> None:
    assert preset.problem is None
    assert preset.title != preset.name and len(preset.title) <= 24 and preset.notes.endswith(".")
    assert preset.family in FAMILIES and preset.tags and preset.fields
    prompt = preset.fields.get("prompt")
    assert prompt is None or (prompt.count(PLACEHOLDER) == 1 and preset.example)


def test_families_are_full_and_names_are_told_apart() -> None:
    families = Counter(preset.family for preset in PRESETS)
    assert set(families) == set(FAMILIES) and min(families.values()) >= 5 and len(PRESETS) >= 30
    titles = Counter(preset.title.casefold() for preset in PRESETS)
    assert [title for title, count in titles.items() if count > 1] == []


def test_each_sampler_has_one_within_its_useful_steps() -> None:
    mine = {str(preset.fields["sampler"]): preset for preset in PRESETS if preset.family == "Samplers"}
    assert set(mine) == {entry.name for entry in catalogue.SAMPLERS}
    for name, preset in mine.items():
        assert catalogue.advice_for(name, int(preset.fields["steps"])) is None
        assert preset.title == name


def test_pictures_are_small_and_none_is_left_over() -> None:
    pictures = sorted(shipped("presets").glob("*.webp"))
    assert {picture.stem for picture in pictures} <= {file.stem for file in FILES}
    assert all(picture.stat().st_size <= MOST_PICTURE_BYTES for picture in pictures)
    assert not [file for file in Path(shipped("presets")).iterdir() if file.suffix not in (".toml", ".webp", ".md")]
