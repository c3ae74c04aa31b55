"""LoRAs from the prompt to the picture: found, weighed, refused in words, applied, and told in the picture's text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.engine.build import create_engine
from studio.errors import PromptError
from studio.paths import shipped
from studio.recipe import Recipe, infotext
from studio.recipe.events import PictureDone, PictureOrder
from studio.services import Studio, build_studio
from studio.settings import load_settings
from tests.engine.recipes import finish
from tests.library import header_files
from tests.library.header_files import write_header_file


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """Offers what ships, the starter and its LoRA, and a LoRA for another family."""
    models = tmp_path / "models"
    models.mkdir()
    write_header_file(models / "grand.safetensors", header_files.LORA_SDXL)
    built = build_studio(load_settings(home=tmp_path / "home", models=[models], engine="fake"))
    yield built
    built.close()


def worn(studio: Studio, prompt: str) -> list[tuple[str, float, float]]:
    adapters = studio.resolve(Recipe(prompt=prompt, checkpoint="starter")).adapters
    return [(one.name, one.unet_weight, one.text_weight) for one in adapters]


def test_weights_are_read_as_a1111_reads_them(studio: Studio) -> None:
    ink = "starter-ink"
    assert worn(studio, "a cat") == []
    for words, unet, text in (
        (ink, 1, 1),
        (f"{ink}:0.5", 0.5, 0.5),
        (f"{ink}:0.25:0.75", 0.75, 0.25),
        (f"{ink}:0.25:unet=2", 2, 0.25),
        (f"{ink}:te=0:unet=-1", -1, 0),
        ("ink:0.5", 0.5, 0.5),
    ):
        assert worn(studio, f"a cat <lora:{words}>") == [(ink, unet, text)], words
    assert worn(studio, f"a <lyco:{ink}:0.5> cat <lora:{ink}:0.25>") == [(ink, 0.75, 0.75)]


@pytest.mark.parametrize(
    ("prompt", "words", "column"),
    [
        ("a cat <lora:nowhere>", "nowhere", 7),
        ("<lora:starter-ink:much>", "'much' is no weight", 1),
        ("<lora:starter-ink:1000>", "-100 to 100", 1),
        ("<lora:starter-ink:1:1:1>", "one weight, or two", 1),
        ("<lora:starter-ink:size=2>", "'size'", 1),
        ("a <hypernet:x:1>", "cannot be applied", 3),
        ("<lora::1>", "no name", 1),
        ("<lora:grand:1>", "made for Stable Diffusion XL, and the checkpoint is Stable Diffusion 1.x", 1),
    ],
)
def test_what_cannot_be_worn_points_at_its_column(studio: Studio, prompt: str, words: str, column: int) -> None:
    with pytest.raises(PromptError) as caught:
        studio.resolve(Recipe(prompt=prompt, checkpoint="starter"))
    assert words in str(caught.value)
    assert caught.value.column == column


def test_a_second_pass_wears_what_its_prompt_names(studio: Studio) -> None:
    recipe = Recipe(prompt="a cat <lora:starter-ink>", checkpoint="starter", hires_scale=2.0)
    same = studio.resolve(recipe)
    assert len(same.adapters) == 1 and same.hires_adapters is None
    none = studio.resolve(recipe.with_fields({"hires_prompt": "a cat"}))
    assert len(none.adapters) == 1 and none.hires_adapters == ()
    half = studio.resolve(recipe.with_fields({"hires_prompt": "a dog <lora:starter-ink:0.5>"}))
    assert [one.unet_weight for one in half.hires_adapters or ()] == [0.5]
    later = studio.resolve(recipe.with_fields({"prompt": "a cat", "hires_prompt": "a cat <lora:starter-ink>"}))
    assert later.adapters == () and later.hires_adapters == same.adapters
    assert 'Lora hashes: "starter-ink' in infotext.write(later)
    reworded = studio.resolve(recipe.with_fields({"hires_prompt": "a dog <lora:starter-ink:1.0>"}))
    assert reworded.hires_adapters is None, "the same in other words"
    # A LoRA of another family is refused in its own field; where there is no second pass, nobody reads its prompt.
    with pytest.raises(PromptError, match="hires_prompt"):
        studio.resolve(recipe.with_fields({"hires_prompt": "a cat <lora:grand:1>"}))
    assert studio.resolve(recipe.with_fields({"hires_scale": 1.0, "hires_prompt": "<lora:grand:1>"})).adapters


def test_the_shipped_lora_changes_the_starters_picture_and_is_told(studio: Studio) -> None:
    engine = create_engine("cpu")
    card = studio.library.part("lora", "starter-ink")
    pixels = []
    for prompt in ("3d cat face", "3d cat face <lora:starter-ink:1>", "3d cat face"):
        recipe = studio.resolve(Recipe(prompt=prompt, checkpoint="starter", seed=3, steps=4, exact=True))
        files = {one.sha256: studio.library.part("lora", one.sha256).path for one in recipe.adapters}
        engine.submit(PictureOrder("job", 0, recipe, shipped("assets") / "models" / "starter", files=files))
        [done] = [event for event in finish(engine) if isinstance(event, PictureDone)]
        pixels.append(done.pixels.data)
        text = infotext.write(recipe)
        assert (f'Lora hashes: "starter-ink: {card.adapter_hash}"' in text) is bool(recipe.adapters)
        assert infotext.read(text).recipe.prompt == prompt
    engine.close()
    assert pixels[0] == pixels[2] != pixels[1]
