"""The examples in docs/prompts.md mean what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from studio.paths import shipped
from studio.prompt import WeightedText, parse
from studio.prompt.matrix import combinations
from studio.prompt.unfold import unfold
from studio.wildcards import Shelf
from tests.prompt.wildcards import some

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "prompts.md").read_text(encoding="utf-8")
EMPHASIS = re.findall(r"^\| `([^`]+)` \| (`.+× .+) \|$", PAGE, re.MULTILINE)
CHANGES = re.findall(r"^\| `(\[[^`]+\])` \| (?:cat|nothing|the same)", PAGE, re.MULTILINE)


def test_the_tables_are_found() -> None:
    assert (len(EMPHASIS), len(CHANGES)) == (11, 5)


@pytest.mark.parametrize(("typed", "read_as"), EMPHASIS)
def test_emphasis(typed: str, read_as: str) -> None:
    expected = [(text, float(weight)) for text, weight in re.findall(r"`([^`]+)` × (-?[\d.]+)", read_as)]
    pieces = parse(typed).at(0)[0].text
    found = [(piece.text, round(piece.weight, 3)) for piece in pieces if isinstance(piece, WeightedText)]
    assert found == expected


@pytest.mark.parametrize("typed", CHANGES)
def test_changes_happen(typed: str) -> None:
    plan = parse(typed.replace("\\|", "|"), steps=20)
    assert len(plan.variants) == 2
    if "|" not in typed:
        assert plan.at(5) == plan.at(0) != plan.at(6)


def test_what_the_page_says_of_other_constructs() -> None:
    assert [condition.weight for condition in parse("a cat :1.2 AND a dog").at(0)] == [1.2, 1.0]
    assert parse("format 16:9").at(0)[0].weight == 9
    assert parse("format 16:9,").at(0)[0].weight == 1
    assert len(parse("a | b [cat:dog:5]").variants) == 2
    assert len(parse("[cat:dog:5])").variants) == 2
    assert len(parse("(cat:[0.8:1.2:10])").variants) == 2


_CHANCE = PAGE.partition("## Words by chance")[2].partition("\n- ")[0]
CHANCES = re.findall(r"^\| `([^`]*[{][^`]*)` \| (.+) \|$", _CHANCE, re.MULTILINE)


def test_every_choice_is_found() -> None:
    assert len(CHANCES) == 12


@pytest.mark.parametrize(("typed", "becomes"), CHANCES)
def test_words_by_chance(typed: str, becomes: str) -> None:
    template = typed.replace("\\|", "|")
    in_turn = "!" in typed or "@" in typed
    told = [text.replace("\\|", "|").strip() for text in re.findall(r"`([^`]+)`", becomes)]
    found = [unfold(template, seed, some).strip() for seed in range(len(told) if in_turn else 100)]
    assert found == told if in_turn else set(found) == set(told)


def test_what_the_page_says_of_templates() -> None:
    assert {unfold("{very |}big", seed, some) for seed in range(20)} == {"very big", "big"}
    assert unfold("{~a} \\{a\\} \\__colours__ # {b", 1, some) == "a \\{a\\} \\__colours__ # {b"
    assert {unfold("%{a|b}", seed, some) for seed in range(20)} == {"%a", "%b"}


def test_every_list_that_ships_is_named(tmp_path: Path) -> None:
    for name in Shelf(shipped("assets") / "wildcards", tmp_path).names():
        assert f"`{name.removeprefix('starter/')}`" in PAGE


def test_the_matrix_of_the_page() -> None:
    assert combinations("a fox|in snow|at night") == [
        "a fox", "a fox, in snow", "a fox, at night", "a fox, in snow, at night",
    ]  # fmt: skip
