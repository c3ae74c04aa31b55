"""``studio wildcards``, ``studio prompt explain``, and many prompts by one ``studio generate``."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.cli.test_commands import studio


def test_wildcards_from_the_terminal(tmp_path: Path) -> None:
    home, file = ("--home", str(tmp_path / "home")), tmp_path / "words.txt"
    file.write_text("red\n2::blue\n")
    assert (
        studio("wildcards", "set", "mine/colours", str(file), *home).stdout
        == "mine/colours.txt: __mine/colours__ (2)\n"
    )
    assert studio("wildcards", "show", "mine/colours", *home).stdout == "red\n2::blue\n"
    assert "yours  __mine/colours__ (2)" in studio("wildcards", "list", *home).stdout
    file.write_text("{red\n")
    refused = studio("wildcards", "set", "other", str(file), *home)
    assert refused.returncode == 1 and "line 1: this { is never closed" in refused.stderr
    assert studio("wildcards", "remove", "mine/colours", *home).returncode == 0
    assert "mine" not in studio("wildcards", "list", *home).stdout


def test_a_prompt_is_explained_and_one_that_is_wrong_ends_with_an_error(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "home"))
    said = studio("prompt", "explain", "a {fox} (red:1.3) [x:y:0.5] AND z :0.5", "--steps", "20", *home)
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines() == [
        "With seed 0: a fox (red:1.3) [x:y:0.5] AND z :0.5", "4 of 75 tokens", "Part 1, weight 1", "Steps 1 to 11",
        "  a fox (red:1.3) x", "Steps 12 to 20", "  a fox (red:1.3) y", "Part 2, weight 0.5", "   z",
    ]  # fmt: skip
    wrong = studio("prompt", "explain", "a {x", *home)
    assert wrong.returncode == 1 and wrong.stdout == "! column 3: This { is never closed; write \\{ for a plain one\n"


def test_a_matrix_and_lines_are_made(tmp_path: Path, toy_models: Path) -> None:
    shared = ("--steps", "2", "--size", "64x64", "--home", str(tmp_path / "home"), "--models", str(toy_models))
    made = studio("generate", "a fox|red", "--matrix", "--seed", "5", *shared)
    assert made.returncode == 0, made.stderr
    assert [said(Path(line)) for line in made.stdout.splitlines()] == ["a fox", "a fox, red"]
    lines = tmp_path / "lines.txt"
    lines.write_text("fox\n--prompt owl --count 2\n")
    made = studio("generate", "flat {prompt}", "--prompts-from", str(lines), *shared)
    assert [said(Path(line)) for line in made.stdout.splitlines()] == ["flat fox", "flat owl", "flat owl"]
    lines.write_text("fox\n--steps 0\n")
    refused = studio("generate", "--prompts-from", str(lines), *shared)
    assert refused.returncode == 1 and "line 2: steps: 0 is out of range" in refused.stderr


def said(file: Path) -> str:
    with Image.open(file) as picture:
        return str(picture.text["parameters"]).split("\n")[0]
