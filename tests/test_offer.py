"""What the studio offers a recipe: VAEs by name and hash, each for its own family."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.errors import InvalidField, UnknownPart
from studio.recipe import Recipe, infotext
from studio.services import Studio, build_studio
from studio.settings import load_settings
from tests.library import header_files
from tests.library.header_files import write_header_file


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    models = tmp_path / "models"
    models.mkdir()
    write_header_file(models / "soft.safetensors", header_files.VAE_ORIGINAL)
    said = {"modelspec.architecture": "stable-diffusion-xl-v1-base/vae"}
    write_header_file(models / "grand.safetensors", header_files.VAE_ORIGINAL, metadata=said)
    built = build_studio(load_settings(home=tmp_path / "home", models=[models], engine="fake"))
    yield built
    built.close()


def test_a_vae_by_name_and_hash_is_told_in_the_text(studio: Studio) -> None:
    card = studio.library.part("vae", "soft")
    for name in ("soft", "SOFT.safetensors", card.sha256[:10]):
        resolved = studio.resolve(Recipe(prompt="a cat", checkpoint="starter", vae=name))
        assert (resolved.vae, resolved.vae_sha256) == ("soft", card.sha256)
    text = infotext.write(resolved)
    assert f"VAE hash: {card.sha256[:10]}, VAE: soft" in text and infotext.read(text).recipe.vae == "soft"
    stock = studio.holdings.read_text(text)
    assert stock.recipe["vae"] == "soft" and "The VAE “soft” is here." in [item.words for item in stock.has]


def test_a_card_may_name_a_vae(studio: Studio) -> None:
    starter = studio.library.find("starter", hashed=False)
    studio.library.write(starter.id, recipe={"vae": "soft"})
    assert studio.resolve(Recipe(checkpoint="starter")).vae == "soft"
    assert studio.resolve(Recipe(checkpoint="starter", vae="own")).vae_sha256 == ""


def test_what_cannot_be_is_refused_in_words(studio: Studio) -> None:
    with pytest.raises(UnknownPart, match="No VAE is called 'hard'"):
        studio.resolve(Recipe(checkpoint="starter", vae="hard"))
    with pytest.raises(InvalidField, match="made for Stable Diffusion XL"):
        studio.resolve(Recipe(checkpoint="starter", vae="grand"))


def test_a_text_with_a_vae_that_is_not_here(studio: Studio) -> None:
    text = "a cat\nSteps: 20, Sampler: Euler, Seed: 1, Size: 128x128, VAE hash: 0123456789, VAE: other.safetensors"
    stock = studio.holdings.read_text(text)
    assert "vae" not in stock.recipe and [item.name for item in stock.lacks] == ["other"]
