"""The text chunks of a PNG: 10,000 recipes exactly there and back, and what happens when a chunk is damaged."""

from __future__ import annotations

import io
import json
import random

import pytest
from PIL import Image, PngImagePlugin

from studio.recipe.infotext import write
from studio.recipe.metadata import INFOTEXT_KEYWORD, RECIPE_KEYWORD, from_png_text, to_png_text
from tests.recipe.samples import sample, wild, wild_text


def test_10000_random_recipes_round_trip_exactly() -> None:
    rng = random.Random(20260302)
    for _ in range(10_000):
        recipe = wild(rng)
        notes = {"VAE precision": "float32", wild_text(rng): wild_text(rng)}
        info = from_png_text(to_png_text(recipe, notes))
        assert info is not None
        assert info.resolved == recipe
        assert info.recipe == recipe.to_recipe()
        assert info.notes == notes
        assert info.unknown == {}
        assert info.model_hash == "0123456789"


def test_a_real_png_keeps_both_texts() -> None:
    rng = random.Random(3)
    for _ in range(50):
        chunks = to_png_text(wild(rng), {"Note": wild_text(rng)})
        texts = PngImagePlugin.PngInfo()
        for keyword, text in chunks.items():
            texts.add_text(keyword, text)
        file = io.BytesIO()
        Image.new("RGB", (1, 1)).save(file, "PNG", pnginfo=texts)
        with Image.open(file) as image:
            assert isinstance(image, PngImagePlugin.PngImageFile)
            assert {key: str(value) for key, value in image.text.items()} == chunks


def test_the_exact_recipe_wins_over_the_text() -> None:
    chunks = to_png_text(sample(prompt="exact"))
    chunks[INFOTEXT_KEYWORD] = write(sample(prompt="text"))
    info = from_png_text(chunks)
    assert info is not None and info.recipe.prompt == "exact"


@pytest.mark.parametrize(
    "damaged",
    ["", "{", "null", "[]", '{"recipe": 3}', '{"recipe": {"steps": "x"}}', "[" * 100_000, '{"recipe": {"seed": NaN}}'],
)
def test_a_damaged_chunk_leaves_the_text_its_turn(damaged: str) -> None:
    info = from_png_text({RECIPE_KEYWORD: damaged, INFOTEXT_KEYWORD: write(sample(prompt="text"))})
    assert info is not None and info.recipe.prompt == "text" and info.resolved is None


def test_a_recipe_of_another_version_gives_what_is_shared() -> None:
    chunks = to_png_text(sample(prompt="cat"), {"Note": "1"})
    content = json.loads(chunks[RECIPE_KEYWORD])
    content["recipe"]["hypertension"] = 3
    del content["recipe"]["family"]
    info = from_png_text({RECIPE_KEYWORD: json.dumps(content)})
    assert info is not None and info.resolved is None
    assert info.recipe == sample(prompt="cat").to_recipe()
    assert (info.unknown, info.notes, info.model_hash) == ({"hypertension": "3"}, {"Note": "1"}, "0123456789")


@pytest.mark.parametrize("chunks", [{}, {"Software": "x"}, {INFOTEXT_KEYWORD: "  "}, {RECIPE_KEYWORD: "{"}])
def test_pictures_that_say_nothing(chunks: dict[str, str]) -> None:
    assert from_png_text(chunks) is None


def test_the_json_is_ascii_and_names_its_format() -> None:
    text = to_png_text(sample(prompt="猫"))[RECIPE_KEYWORD]
    assert text.isascii()
    assert json.loads(text)["format"] == 1
