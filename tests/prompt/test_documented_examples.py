"""The examples in docs/prompts.md mean what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from studio.prompt import WeightedText, parse

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
