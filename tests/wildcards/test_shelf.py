"""Wildcard files: found, read, changed; what is wrong with one is said and stops no other."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.errors import InvalidField, NotFound, UnknownWildcard
from studio.paths import shipped
from studio.prompt.unfold import Entry, unfold
from studio.store import write_atomic
from studio.training.subjects import COLOURS, STYLES, SUBJECTS
from studio.wildcards import Shelf
from studio.wildcards import shelf as module

Put = Callable[[str, str | bytes], Path]


@pytest.fixture
def ships(tmp_path: Path) -> Path:
    return tmp_path / "ships"


@pytest.fixture
def shelf(tmp_path: Path, ships: Path) -> Shelf:
    put(ships / "colours.txt", "red\nblue\n")
    return Shelf(ships, tmp_path / "own")


def put(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def texts(shelf: Shelf, name: str) -> list[str]:
    return [entry.text for entry in shelf.snapshot()(name)]


def test_lines_weights_and_comments(shelf: Shelf, tmp_path: Path) -> None:
    put(tmp_path / "own" / "a.txt", "\ufeff# words\n\n  2::red  \n.5:: {light|dark} blue\n猫\n12:30\n")
    assert list(shelf.snapshot()("a")) == [
        Entry("red", 2),
        Entry("{light|dark} blue", 0.5),
        Entry("猫"),
        Entry("12:30"),
    ]


def test_a_tree_of_names(shelf: Shelf, tmp_path: Path) -> None:
    put(
        tmp_path / "own" / "pack.yaml",
        "animals:\n  cats: [tabby, 3::lion, {text: lynx, weight: 2}]\n  dogs: [pug]\nyears: [1900, 2000]\none: only\n",
    )
    assert list(shelf.snapshot()("animals/cats")) == [Entry("tabby"), Entry("lion", 3), Entry("lynx", 2)]
    assert [texts(shelf, name) for name in ("years", "one", "animals/dogs")] == [["1900", "2000"], ["only"], ["pug"]]
    assert shelf.file("pack.yaml").names == {"animals/cats": 3, "animals/dogs": 1, "years": 2, "one": 1}


def test_patterns_and_folders(shelf: Shelf, tmp_path: Path) -> None:
    for name in ("a/x", "a/y", "a/b/z"):
        put(tmp_path / "own" / f"{name}.txt", f"{name}\nsame\n")
    assert texts(shelf, "a/*") == ["a/x", "same", "a/y"]
    assert texts(shelf, "a/**") == ["a/b/z", "same", "a/x", "a/y"]
    assert texts(shelf, "**/z") == texts(shelf, "z") == ["a/b/z", "same"]
    assert texts(shelf, "col*") == texts(shelf, "COLOURS") == ["red", "blue"]
    with pytest.raises(UnknownWildcard, match=r"'colour' \(near it: colours\)"):
        texts(shelf, "colour")


def test_ones_own_wins_and_what_ships_comes_back(shelf: Shelf, ships: Path) -> None:
    saved = shelf.write("colours", "green\r\nteal")
    assert (saved.own, saved.ships, saved.names) == (True, True, {"colours": 2})
    assert shelf.text("colours") == "green\nteal" and (ships / "colours.txt").read_text() == "red\nblue\n"
    shelf.remove("colours")
    assert texts(shelf, "colours") == ["red", "blue"]
    with pytest.raises(InvalidField, match="ships with the studio"):
        shelf.remove("colours.txt")
    with pytest.raises(NotFound):
        shelf.remove("nothing")


def test_the_second_of_two_writes_within_one_tick_is_seen(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def written_at_that_tick(file: Path, data: bytes) -> None:
        write_atomic(file, data)
        os.utime(file, (1, 1))

    monkeypatch.setattr(module, "write_atomic", written_at_that_tick)
    for colour in ("red", "tan"):
        shelf.write("colours", colour)
        assert texts(shelf, "colours") == [colour]


def test_a_file_changed_beside_the_studio_is_read_again(shelf: Shelf, ships: Path) -> None:
    before = shelf.snapshot()
    assert texts(shelf, "colours") == ["red", "blue"]
    put(ships / "colours.txt", "pink\n")
    os.utime(ships / "colours.txt", ns=(1, 1))
    assert texts(shelf, "colours") == ["pink"]
    assert [entry.text for entry in before("colours")] == ["red", "blue"], "what was looked up stays as it was"


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.txt", b"\xff\xfe\x00", "UTF-8"),
        ("a.txt", "ok\nbad {x", "line 2: this { is never closed"),
        ("a.txt", "# nothing\n", "no entry"),
        ("a.txt", "0::a\n0::b", "every entry has the weight 0"),
        ("a.txt", "99999999::a", "line 1: a weight is a number"),
        ("a.yaml", "a: [", "line 1: this is not YAML"),
        ("a.yaml", "- a\n- b", "names with lists"),
        ("a.yaml", "a: [[b]]", "a: an entry is a text"),
        ("a.yaml", "a__: [b]\n'(x)': [y]", "cannot be a name"),
        ("a.yaml", "a: {b: []}", "a/b: there is no entry"),
        ("a.yaml", "a: !!python/object:os.system {}", "not YAML"),
    ],
)
def test_a_problem_is_named_and_stops_nobody(
    shelf: Shelf, tmp_path: Path, name: str, content: str | bytes, problem: str
) -> None:
    put(tmp_path / "own" / name, content)
    assert problem in str(shelf.file(name).problem)
    assert texts(shelf, "colours") == ["red", "blue"]
    if isinstance(content, str):
        with pytest.raises(InvalidField) as caught:
            shelf.write(f"b{name[1:]}", content)
        assert problem in str(caught.value)


@pytest.mark.parametrize(
    "name", ["../a", "a/../../b", "/etc/x", "a//b", ".a", "a__b", "_a", "a b/ c", "x" * 81, "", "a\\b"]
)
def test_names_that_cannot_be(shelf: Shelf, tmp_path: Path, name: str) -> None:
    if name == "/etc/x":
        shelf.write(name, "a")
        assert (tmp_path / "own" / "etc" / "x.txt").is_file()
        return
    with pytest.raises(InvalidField, match="name of a wildcard"):
        shelf.write(name, "a")
    assert not list(tmp_path.rglob("b*"))


def test_what_ships_can_be_read_and_speaks_of_what_the_starter_knows(tmp_path: Path) -> None:
    shelf = Shelf(shipped("assets") / "wildcards", tmp_path)
    assert len(shelf.files()) >= 15 and all(file.problem is None for file in shelf.files())
    assert texts(shelf, "starter/subjects") == [subject.name for subject in SUBJECTS]
    assert texts(shelf, "starter/colours") == list(COLOURS) and texts(shelf, "starter/styles") == list(STYLES)
    names = {name for subject in SUBJECTS for name in subject.names}
    assert {*texts(shelf, "starter/animals"), *texts(shelf, "starter/food")} <= names
    for name in shelf.names():
        assert unfold(f"__{name}__", 3, shelf.snapshot())
