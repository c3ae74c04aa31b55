"""Folders that models lie in: counted with what is further down, found in any spelling, and named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from studio.errors import InvalidField
from studio.library import Library, folder_called, folders_of, matching
from tests.library import header_files as files
from tests.library.header_files import write_header_file


@pytest.fixture
def cards(library: Library, tmp_path: Path) -> Library:
    for place in ("top", "anime/a", "anime/faces/b", "anime/faces/c", "anime-2/d", "Photo/x/y/e"):
        write_header_file(tmp_path / "models" / f"{place}.safetensors", files.LORA_SD1, metadata={"n": place})
    library.scan()
    return library


def names(library: Library, folder: str) -> list[str]:
    return sorted(card.name for card in matching(library.models(), folder=folder))


def test_each_counts_what_is_in_it_and_further_down(cards: Library) -> None:
    assert list(folders_of(cards.models()).items()) == [
        (".", 1), ("anime", 3), ("anime/faces", 2), ("anime-2", 1), ("Photo", 1), ("Photo/x", 1), ("Photo/x/y", 1),
    ]  # fmt: skip
    assert names(cards, "anime") == ["a", "b", "c"] and names(cards, "anime/faces") == ["b", "c"]
    assert names(cards, ".") == ["top"] and names(cards, "anime-2") == ["d"] and len(names(cards, "")) == 6


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("anime", "anime"),
        ("ANIME\\Faces/", "anime/faces"),
        ("./photo", "Photo"),
        (".", "."),
        ("/", "."),
        (" anime ", "anime"),
    ],
)
def test_it_is_found_by_any_spelling(cards: Library, text: str, folder: str) -> None:
    assert folder_called(text, cards.models()) == folder


def test_one_that_is_not_there_is_refused_naming_those_that_are(cards: Library, tmp_path: Path) -> None:
    with pytest.raises(
        InvalidField, match=r"folder: there are no models in a folder 'anme' \(allowed: anime, "
    ) as error:
        folder_called("anme", cards.models())
    assert str(error.value).endswith("Photo/x/y, or . for those in none)")
    for number in range(20):
        write_header_file(tmp_path / "models" / f"f{number}" / f"m{number}.safetensors", files.LORA_SD1)
    cards.scan()
    with pytest.raises(InvalidField, match="and 14 more"):
        folder_called("x" * 500, cards.models())
    with pytest.raises(InvalidField, match="all lie in none"):
        folder_called("x", [])


def test_a_name_that_no_text_can_hold(library: Library, tmp_path: Path) -> None:
    write_header_file(tmp_path / "models" / os.fsdecode(b"\xff") / "a.safetensors", files.LORA_SD1)
    library.scan()
    assert folders_of(library.models()) == {"?": 1} and names(library, "?") == ["a"]
