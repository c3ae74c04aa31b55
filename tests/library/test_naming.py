"""Names: unique for the library, and found as people and A1111's clients write them."""

from __future__ import annotations

from pathlib import Path

from studio.library.card import Checkpoint
from studio.library.naming import as_hash, split_title, what_there_is, with_unique_names


def card(path: str) -> Checkpoint:
    file = Path(path)
    return Checkpoint(file.stem, file, "single-file", "checkpoint", "sd1")


def test_the_later_of_two_is_called_by_its_folder() -> None:
    named = with_unique_names([card("/a/cat.safetensors"), card("/b/Cat.safetensors"), card("/c/b/cat.safetensors")])
    assert [one.name for one in named] == ["cat", "b/Cat", "c/b/cat"]


def test_no_model_may_be_called_auto() -> None:
    assert with_unique_names([card("/a/Auto.safetensors")])[0].name == "a/Auto"


def test_titles_and_hashes_are_taken_apart() -> None:
    assert split_title("v1-5 [ABCDEF0123]") == ("v1-5", "abcdef0123")
    assert split_title("odd [name]") == ("odd [name]", "")
    assert as_hash("DEADBEEF") == "deadbeef"
    assert as_hash("deadbee") == as_hash("photograph") == ""


def test_near_names_come_first_and_long_lists_end() -> None:
    cards = [card(f"/m/model-{number:02}.safetensors") for number in range(20)] + [card("/m/dreamshaper.safetensors")]
    sentence = what_there_is(cards, "dreamshapr")
    assert sentence.startswith("There are: dreamshaper, ") and sentence.endswith(" and 9 more.")
    assert "--models" in what_there_is([], "x")
