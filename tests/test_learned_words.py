"""Embeddings from the prompt to the picture: found by the name of their file, counted, told in the text, applied."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from studio.engine.build import create_engine
from studio.paths import shipped
from studio.recipe import Recipe, infotext
from studio.recipe.events import PictureDone, PictureOrder
from studio.services import Studio, build_studio
from studio.settings import load_settings
from tests.engine.recipes import finish

STARTER_WIDTH = 192


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    models = tmp_path / "models"
    models.mkdir()
    vectors = torch.randn(2, STARTER_WIDTH, generator=torch.Generator().manual_seed(0))
    save_file({"emb_params": vectors}, models / "bad-hands.safetensors")
    save_file({"emb_params": torch.zeros(4, 1024)}, models / "for-two.safetensors")
    built = build_studio(load_settings(home=tmp_path / "home", models=[models], engine="fake"))
    yield built
    built.close()


def test_found_in_any_prompt_and_case(studio: Studio) -> None:
    def named(**fields: str) -> list[str]:
        recipe = studio.resolve(Recipe(checkpoint="starter", **fields))
        return [word.name for word in recipe.learned_words]

    assert named(prompt="a cat") == []
    assert named(prompt="a Bad-Hands, cat") == named(negative_prompt="(bad-hands:0.7)") == ["bad-hands"]
    assert named(prompt="[cat:bad-hands:3]") == ["bad-hands"]
    assert named(prompt="for-two cats") == []  # made for Stable Diffusion 2.x
    assert named(prompt="a bad-handsome cat") == []


def test_counted_and_told(studio: Studio) -> None:
    assert studio.count_tokens("cat", "starter")[0] + 2 == studio.count_tokens("cat bad-hands", "starter")[0]
    card = studio.library.part("embedding", "bad-hands")
    text = infotext.write(studio.resolve(Recipe(prompt="cat", negative_prompt="bad-hands", checkpoint="starter")))
    assert f'TI hashes: "bad-hands: {card.sha256[:12]}"' in text
    stock = studio.holdings.read_text(text)
    assert "The embedding “bad-hands” is here." in [item.words for item in stock.has]


def test_it_changes_the_picture(studio: Studio, tmp_path: Path) -> None:
    engine = create_engine("cpu")
    made = []
    for prompt in ("flat cat", "flat cat, bad-hands"):
        recipe = studio.resolve(Recipe(prompt=prompt, checkpoint="starter", seed=1, steps=2))
        files = {word.sha256: studio.library.part("embedding", word.sha256).path for word in recipe.learned_words}
        engine.submit(PictureOrder("one", 0, recipe, shipped("assets") / "models" / "starter", files=files))
        event = finish(engine)[-1]
        assert isinstance(event, PictureDone), event
        made.append(event.pixels)
    assert made[0] != made[1]
