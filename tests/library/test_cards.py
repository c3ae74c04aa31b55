"""What stands on a card: what the file says of itself, its picture, and what a person wrote, kept in the home."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from studio.errors import InvalidField, NotFound
from studio.library import Library, ModelCard
from studio.library.about import MOST_WORDS, about_of
from studio.library.search import matching
from tests.library import header_files as files
from tests.library.header_files import write_header_file

TAGS = {"10_ink": {"ink drawing": 30, "cat": 4}, "1_more": {"dog": 35, "ink drawing": 2, "": 9}}


def png(colour: str, side_px: int = 900) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (side_px, side_px // 2), colour).save(written, "PNG")
    return written.getvalue()


def embedded(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def card(library: Library, name: str) -> ModelCard:
    return next(card for card in library.models() if card.name == name)


def test_trigger_words_are_the_makers_phrase_and_then_the_most_frequent() -> None:
    about = about_of({"modelspec.trigger_phrase": "sks style, inked", "ss_tag_frequency": json.dumps(TAGS)})
    assert about.trigger_words == ("sks style", "inked", "ink drawing", "cat", "dog")  # 302, 40 and 35 captions


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a": 1}', '{"a": {"b": "c"}}', "[" * 100_000, '{"a": {"x": -1}}'])
def test_spoilt_captions_are_left_out(text: str) -> None:
    assert about_of({"ss_tag_frequency": text}).trigger_words == ()


def test_what_a_file_says_is_cut_to_a_card() -> None:
    many = {"1_x": {f"tag {number}": number + 1 for number in range(500)}}
    about = about_of({"modelspec.description": "word " * 10_000, "ss_tag_frequency": json.dumps(many)})
    assert len(about.description) == 1_000 and len(about.trigger_words) == MOST_WORDS
    assert about_of({"modelspec.title": "None"}).title == ""


def test_a_loras_hash_is_what_its_trainer_wrote_if_that_is_one(models: Path, library: Library) -> None:
    said = "ab" * 32
    write_header_file(models / "a.safetensors", files.LORA_SD1, metadata={"sshs_model_hash": said})
    write_header_file(models / "b.safetensors", files.LORA_SD1, metadata={"sshs_model_hash": "../../etc"})
    library.scan()
    assert card(library, "a").adapter_hash == said[:12]
    assert library.part("lora", said[:12]).name == "a"
    assert library.part("lora", "b").adapter_hash == library.part("lora", "b").payload_sha256[:12]


def test_pictures_are_found_beside_and_inside_and_made_small(models: Path, library: Library, tmp_path: Path) -> None:
    write_header_file(models / "beside.safetensors", files.LORA_SD1)
    (models / "beside.preview.png").write_bytes(png("red"))
    write_header_file(
        models / "inside.safetensors", files.LORA_SD1, metadata={"modelspec.thumbnail": embedded(png("blue"))}
    )
    write_header_file(models / "without.safetensors", files.LORA_SD1)
    write_header_file(models / "broken.safetensors", files.LORA_SD1)
    (models / "broken.png").write_text("<script>alert(1)</script>")
    library.scan()
    for name, channel in (("beside", 0), ("inside", 2)):
        assert card(library, name).as_dict()["has_picture"]
        for _ in range(2):  # made, then remembered
            with Image.open(io.BytesIO(library.picture(card(library, name).id))) as picture:
                assert (picture.format, picture.size) == ("WEBP", (384, 192))
                assert max(range(3), key=lambda at: picture.convert("RGB").getpixel((9, 9))[at]) == channel
    assert len(list((tmp_path / "cache" / "model-pictures").glob("*.webp"))) == 2
    assert not card(library, "without").as_dict()["has_picture"]
    for name in ("without", "broken"):
        with pytest.raises(NotFound):
            library.picture(card(library, name).id)


def test_a_changed_picture_is_shown_anew(models: Path, library: Library) -> None:
    write_header_file(models / "a.safetensors", files.LORA_SD1)
    (models / "a.png").write_bytes(png("red"))
    library.scan()
    first = library.picture(card(library, "a").id)
    (models / "a.png").write_bytes(png("green", 500))
    assert library.picture(card(library, "a").id) != first


def test_notes_and_recipe_are_kept_in_the_home_and_survive(models: Path, tmp_path: Path, library: Library) -> None:
    file = write_header_file(models / "sub" / "dream.safetensors", files.VAE_ORIGINAL)
    library.scan()
    before = sorted(models.rglob("*"))
    notes = 'Good at "hands"\n\ttabs \\ and ünïcode \x7f'
    written = library.write(card(library, "dream").id, notes=notes, recipe={"steps": 30, "sampler": "Euler a"})
    assert (written.notes, dict(written.recipe)) == (notes, {"steps": 30, "sampler": "Euler a"})
    assert sorted(models.rglob("*")) == before, "nothing may be written into a model folder"
    again = Library([models], tmp_path / "cache", hash_ahead=False)
    again.scan()
    assert (card(again, "dream").notes, dict(card(again, "dream").recipe)) == (notes, dict(written.recipe))
    again.write(card(again, "dream").id, notes="shorter")
    assert dict(card(again, "dream").recipe) == dict(written.recipe)
    again.part("vae", "dream")  # its hash is known from here on
    again.write(card(again, "dream").id, notes="by hash")
    file.rename(file.with_name("renamed.safetensors"))
    again.scan()
    again.part("vae", "renamed")
    assert card(again, "renamed").notes == "by hash"


def test_a_recipe_of_ones_own_answers_auto(put: Callable[[str], Path], library: Library) -> None:
    put("toy")
    library.scan()
    library.write(card(library, "toy").id, recipe={"steps": 33, "guidance_scale": 5.5, "width_px": 192})
    facts = library.facts("toy")
    assert (facts.default_steps, facts.default_guidance_scale, facts.default_sampler) == (33, 5.5, "DPM++ 2M")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"recipe": {"stepz": 3}}, "stepz"),
        ({"recipe": {"steps": "many"}}, "steps"),
        ({"recipe": {"checkpoint": "other"}}, "cannot be set"),
        ({"notes": "x" * 10_001}, "too many"),
    ],
)
def test_what_cannot_be_kept_is_refused(models: Path, library: Library, written: dict[str, object], words: str) -> None:
    write_header_file(models / "a.safetensors", files.LORA_SD1)
    library.scan()
    with pytest.raises(InvalidField, match=words):
        library.write(card(library, "a").id, **written)  # type: ignore[arg-type]


def test_a_card_spoilt_by_hand_is_said_and_costs_nothing_else(models: Path, tmp_path: Path, library: Library) -> None:
    for name in ("a", "b", "c"):
        write_header_file(models / f"{name}.safetensors", files.LORA_SD1)
    folder = tmp_path / "cache" / "model-cards"
    folder.mkdir(parents=True)
    (folder / "a.toml").write_text("notes = ")
    (folder / "b.toml").write_text('model = "b"\nnotes = "kept"\n[recipe]\nstepz = 1\n')
    (folder / "c.toml").write_text('notes = "fine"\n')
    library.scan()
    assert "a.toml cannot be read" in (card(library, "a").warning or "")
    assert "stepz" in (card(library, "b").warning or "") and card(library, "b").notes == "kept"
    assert (card(library, "c").notes, card(library, "c").warning) == ("fine", None)


def test_search_and_filters(models: Path, library: Library) -> None:
    write_header_file(models / "ink.safetensors", files.LORA_SD1, metadata={"ss_tag_frequency": json.dumps(TAGS)})
    write_header_file(models / "neon.safetensors", files.LORA_SDXL, metadata={"modelspec.author": "Ada"})
    write_header_file(models / "flux.safetensors", files.LORA_FLUX)
    write_header_file(models / "v1.safetensors", files.SD1)
    library.scan()

    def names(**filters: object) -> list[str]:
        return [card.name for card in matching(library.models(), **filters)]  # type: ignore[arg-type]

    assert names() == ["flux", "ink", "neon", "v1"]
    assert names(kinds=["lora"], families=["sd1", "sdxl"]) == ["ink", "neon"]
    assert names(kinds=["lora"], usable=False) == ["flux"]
    assert names(query="DRAWING ink") == ["ink"] and names(query="ada") == ["neon"] and names(query="ada ink") == []
    library.write(card(library, "v1").id, notes="for portraits")
    assert names(query="portrait") == ["v1"]


def test_cards_tell_no_folders(models: Path, library: Library, tmp_path: Path) -> None:
    write_header_file(models / "a.safetensors", files.LORA_SD1)
    (models / "a.png").write_bytes(png("red"))
    library.scan()
    assert str(tmp_path) not in repr(card(library, "a").as_dict())


def test_a_folder_is_told_searched_and_part_of_a_name_as_a1111_has_it(models: Path, library: Library) -> None:
    for folder, shapes in (("", files.SD1), ("anime", files.SD1), ("anime/deep", files.SDXL)):
        write_header_file(models / folder / "v1-5.safetensors", shapes)
    write_header_file(models / "Lora" / "Styles" / "ink.safetensors", files.LORA_SD1)
    library.scan()
    told = {card.folder: card.name for card in library.models()}
    assert set(told) == {"", "anime", "anime/deep", "Lora/Styles"}
    for said, folder in (
        ("v1-5.safetensors", ""),
        ("anime/v1-5.safetensors", "anime"),
        ("ANIME\\V1-5.safetensors", "anime"),
        ("anime/deep/v1-5", "anime/deep"),
        ("deep/v1-5.safetensors", "anime/deep"),
    ):
        assert library.find(said, hashed=False).folder == folder, said
    sha256 = library.find("anime/deep/v1-5").sha256
    assert library.find(f"elsewhere/v1-5.safetensors [{sha256[:10]}]").folder == "anime/deep"
    assert library.part("lora", "styles/ink").name == "ink"
    with pytest.raises(NotFound, match="No checkpoint is called 'nime/v1-5'"):
        library.find("nime/v1-5")
    assert [card.name for card in matching(library.models(), query="styles")] == ["ink"]
