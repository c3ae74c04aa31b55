"""What A1111 and its companions keep beside a LoRA: read as it is meant, bounded, and rubbish is said on the card."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from studio.library import Library, ModelCard
from tests.library import header_files as files
from tests.library.header_files import write_header_file

ACTIVATION = {
    "activation text": "sks style, (ink, wash:1.2),  inked",
    "preferred weight": 0.65,
    "negative text": "photo, 3d",
    "notes": "Not above 0.9.",
    "description": "Ink on paper.",
    "sd version": "SD1",
}
CIVITAI = {
    "trainedWords": ["inked", "brush, calm"],
    "description": "<p>Made <b>by hand</b>.</p><script>alert(1)</script><p>Enjoy &amp; share</p>",
    "baseModel": "SD 1.5",
    "model": {"name": "Ink <b>wash</b>", "type": "LORA"},
    "images": [{"url": "https://example.org/x.png"}],
}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    write_header_file(
        tmp_path / "models" / "ink.safetensors", files.LORA_SD1, metadata={"modelspec.trigger_phrase": "calm, paper"}
    )
    return tmp_path / "models"


def beside(models: Path, suffix: str, content: Any) -> Path:
    file = models / f"ink{suffix}"
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


def card(library: Library) -> ModelCard:
    library.scan()
    return library.models()[0]


def test_what_was_set_in_a1111(models: Path, library: Library) -> None:
    beside(models, ".json", ACTIVATION)
    told = card(library)
    assert told.trigger_words == ("sks style", "(ink, wash:1.2)", "inked", "calm", "paper")
    assert (told.weight, told.about.negative_words) == (0.65, ("photo", "3d"))
    assert told.about.description == "Ink on paper.\nNot above 0.9." and told.about.base_model == "SD1"
    assert (told.own, told.warning) == ((), None)


def test_what_was_fetched_from_civitai_is_text_and_comes_second(models: Path, library: Library) -> None:
    beside(models, ".civitai.info", CIVITAI)
    told = card(library)
    assert told.trigger_words == ("inked", "brush", "calm", "paper") and told.weight is None
    assert told.about.description == "Made by hand.\nEnjoy & share"
    assert (told.about.title, told.about.base_model) == ("Ink <b>wash</b>", "SD 1.5")
    beside(models, ".json", ACTIVATION)
    told = card(library)
    assert told.trigger_words[:3] == ("sks style", "(ink, wash:1.2)", "inked") and "brush" in told.trigger_words
    assert (told.about.title, told.about.base_model) == ("Ink <b>wash</b>", "SD1")


@pytest.mark.parametrize(
    ("suffix", "content", "words"),
    [
        (".json", "{", "it cannot be read"),
        (".json", "[" * 100_000, "it cannot be read"),
        (".json", "[1]", "no JSON object"),
        (".json", {"activation text": ["x"], "preferred weight": "much"}, "preferred weight is of no use ('much')"),
        (".json", '{"preferred weight": 1e999}', "preferred weight is of no use"),
        (".json", {"preferred weight": True}, "preferred weight is of no use"),
        (".json", " " * 2_000_001, "too long"),
        (".civitai.info", {"trainedWords": "x", "model": "y"}, "trainedWords is of no use"),
        (".civitai.info", {"trainedWords": [1]}, "trainedWords is of no use"),
        (".civitai.info", {"model": {"name": {"a": 1}}}, "name is of no use"),
    ],
)
def test_rubbish_is_left_out_and_said(models: Path, library: Library, suffix: str, content: Any, words: str) -> None:
    beside(models, suffix, content)
    told = card(library)
    assert words in (told.warning or "") and f"ink{suffix}" in (told.warning or "")
    assert (told.usable, told.trigger_words, told.weight) == (True, ("calm", "paper"), None)


@pytest.mark.parametrize("content", [{}, {"preferred weight": 0, "activation text": ""}, {"other program": {"a": 1}}])
def test_what_says_nothing_is_no_trouble(models: Path, library: Library, content: dict[str, Any]) -> None:
    beside(models, ".json", content)
    told = card(library)
    assert (told.warning, told.trigger_words, told.weight) == (None, ("calm", "paper"), None)


def test_it_is_cut_to_what_a_card_has_room_for(models: Path, library: Library) -> None:
    words = ", ".join(f"word {number}" for number in range(500))
    beside(models, ".json", {"activation text": words + ", " + "x" * 5000, "description": "d" * 9000})
    told = card(library)
    assert len(told.trigger_words) == 24 and len(told.about.description) <= 1_000


def test_a_change_in_place_is_noticed(models: Path, library: Library) -> None:
    file = beside(models, ".json", {"preferred weight": 0.5})
    assert card(library).weight == 0.5
    library.watch(interval_s=0.05)
    try:
        with file.open("r+", encoding="utf-8") as stream:  # the folder's own time stays as it is
            stream.write('{"preferred weight": 0.75}')
        deadline = time.monotonic() + 20
        while library.models()[0].weight != 0.75 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert library.models()[0].weight == 0.75
    finally:
        library.close()


def test_only_a_lora_has_a_weight(tmp_path: Path, library: Library) -> None:
    write_header_file(tmp_path / "models" / "ink.safetensors", files.VAE_ORIGINAL)
    beside(tmp_path / "models", ".json", {"preferred weight": 0.5, "description": "for faces"})
    told = card(library)
    assert (told.weight, told.about.description) == (None, "for faces")


def test_of_a_diffusers_folder_they_lie_beside_it_or_in_it(
    library: Library, put: Callable[[str], Path], tmp_path: Path
) -> None:
    folder, picture = put("toy.v1"), io.BytesIO()
    (folder / "toy.v1.civitai.info").write_text(json.dumps(CIVITAI))
    told = card(library)
    assert told.trigger_words == ("inked", "brush", "calm") and told.about.title == "Ink <b>wash</b>"
    (tmp_path / "models" / "toy.v1.json").write_text(json.dumps({**ACTIVATION, "preferred weight": "much"}))
    (tmp_path / "models" / "toy.json").write_text(json.dumps({"activation text": "another one's"}))
    told = card(library)
    assert told.trigger_words == ("sks style", "(ink, wash:1.2)", "inked", "brush", "calm")
    assert told.about.description == "Ink on paper.\nNot above 0.9." and told.about.negative_words == ("photo", "3d")
    assert told.weight is None and "In toy.v1.json: preferred weight is of no use" in (told.warning or "")
    assert told.usable and not told.picture
    Image.new("RGB", (60, 30), "teal").save(picture, "PNG")
    (folder / "toy.v1.png").write_bytes(picture.getvalue())
    assert card(library).picture == folder / "toy.v1.png"
    (tmp_path / "models" / "toy.v1.preview.png").write_bytes(picture.getvalue())
    assert card(library).picture == tmp_path / "models" / "toy.v1.preview.png"


def test_a_change_beside_a_folder_is_noticed(library: Library, put: Callable[[str], Path], tmp_path: Path) -> None:
    put("toy")
    file = tmp_path / "models" / "toy.json"
    file.write_text('{"activation text": "one"}')
    assert card(library).trigger_words == ("one",)
    library.watch(interval_s=0.05)
    try:
        with file.open("r+", encoding="utf-8") as stream:
            stream.write('{"activation text": "two"}')
        os.utime(file, ns=(0, 0))
        deadline = time.monotonic() + 20
        while library.models()[0].trigger_words != ("two",) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert library.models()[0].trigger_words == ("two",)
    finally:
        library.close()
