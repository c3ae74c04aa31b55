"""Pictures and masks by file and by folder, paired before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.cli.starts import Start, find_starts
from studio.errors import InvalidField


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name in ("in/b.png", "in/a.JPG", "in/notes.txt", "masks/a.png", "masks/b.webp", "few/a.png", "empty/x.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def test_one_picture_with_and_without_a_mask(files: Path) -> None:
    picture, mask = files / "in" / "a.JPG", files / "masks" / "b.webp"
    assert find_starts(None, None) == []
    assert find_starts(picture, None) == [Start(picture)]
    assert find_starts(picture, mask) == [Start(picture, mask)]
    assert find_starts(picture, files / "masks") == [Start(picture, files / "masks" / "a.png")]


def test_a_folder_is_each_of_its_pictures_by_name_with_the_mask_of_that_name(files: Path) -> None:
    pictures = [files / "in" / "a.JPG", files / "in" / "b.png"]
    masks = [files / "masks" / "a.png", files / "masks" / "b.webp"]
    assert find_starts(files / "in", None) == [Start(picture) for picture in pictures]
    assert find_starts(files / "in", masks[0]) == [Start(picture, masks[0]) for picture in pictures]
    assert find_starts(files / "in", files / "masks") == [Start(*pair) for pair in zip(pictures, masks, strict=True)]


@pytest.mark.parametrize(
    ("init", "mask", "words"),
    [
        (None, "masks/a.png", "--init"),
        ("none.png", None, "none.png"),
        ("in/a.JPG", "none.png", "none.png"),
        ("empty", None, "no picture"),
        ("in", "few", "none for b.png"),
        ("in", "empty", "no picture"),
    ],
)
def test_what_is_missing_is_named_before_anything_is_made(
    files: Path, init: str | None, mask: str | None, words: str
) -> None:
    with pytest.raises(InvalidField, match=words):
        find_starts(init and files / init, mask and files / mask)
