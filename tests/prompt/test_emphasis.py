"""Word weights, against values worked out by hand from A1111's rules: 1.1 per round bracket, 1/1.1 per square one."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.errors import PromptError
from studio.prompt.emphasis import MAX_OPEN_BRACKETS, weighted
from studio.prompt.plan import Break, Text, WeightedText

BRACKET_SOUP = st.text(alphabet="ab ()[]:\\.,12+-", max_size=60)


def read(text: str) -> Text:
    return weighted(text, "prompt", lambda position: position + 1)[0]


def pairs(text: str) -> list[tuple[str, float]]:
    return [(piece.text, piece.weight) for piece in read(text) if isinstance(piece, WeightedText)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a cat", [("a cat", 1.0)]),
        ("", [("", 1.0)]),
        ("a (cat) on", [("a ", 1.0), ("cat", 1.1), (" on", 1.0)]),
        ("((cat))", [("cat", 1.1 * 1.1)]),
        ("[cat]", [("cat", 1 / 1.1)]),
        ("([cat])", [("cat", 1 / 1.1 * 1.1)]),
        ("(cat:1.3)", [("cat", 1.3)]),
        ("((cat:1.3))", [("cat", 1.3 * 1.1)]),
        ("(a (cat:2) b:0.5)", [("a ", 0.5), ("cat", 1.0), (" b", 0.5)]),
        ("(cat: 1.3 )", [("cat", 1.3)]),
        ("(cat:.5)", [("cat", 0.5)]),
        ("(cat:-1)", [("cat", -1.0)]),
        ("(cat:+2)", [("cat", 2.0)]),
        ("(cat:0)", [("cat", 0.0)]),
        ("(one)(two)", [("onetwo", 1.1)]),
        ("a()b", [("ab", 1.0)]),
    ],
)
def test_brackets_multiply(text: str, expected: list[tuple[str, float]]) -> None:
    assert pairs(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(cat", [("cat", 1.1)]),
        ("a (cat [dog", [("a ", 1.0), ("cat ", 1.1), ("dog", 1.1 * (1 / 1.1))]),
        ("cat)", [("cat)", 1.0)]),
        ("cat:1.2)", [("cat:1.2)", 1.0)]),
        ("(cat:abc)", [("cat:abc", 1.1)]),
        ("(cat:1.2", [("cat:1.2", 1.1)]),
        ("[cat:1.2)", [("cat:1.2)", 1 / 1.1)]),
        ("(a [b) c]", [("a ", 1.1), ("b", 1.1 * (1 / 1.1)), (" c", 1 / 1.1)]),
        ("a: b", [("a: b", 1.0)]),
    ],
)
def test_what_is_incomplete_keeps_the_meaning_a1111_gives_it(text: str, expected: list[tuple[str, float]]) -> None:
    assert pairs(text) == expected


@pytest.mark.parametrize(
    ("text", "plain"),
    [(r"\(cat\)", "(cat)"), (r"\[cat\]", "[cat]"), (r"a\\b", "a\\b"), (r"a\b", "ab"), ("cat\\", "cat")],
)
def test_escaped_brackets_are_words(text: str, plain: str) -> None:
    assert pairs(text) == [(plain, 1.0)]


def test_break_takes_the_blanks_around_it_and_keeps_out_of_the_weights() -> None:
    assert read("a BREAK  b") == (WeightedText("a"), Break(), WeightedText("b"))
    assert read("(a BREAK b:2)") == (WeightedText("a", 2.0), Break(), WeightedText("b", 2.0))
    assert read("BREAK\nBREAK") == (Break(), Break())
    assert read("BREAKING UNBREAK") == (WeightedText("BREAKING UNBREAK"),)


@pytest.mark.parametrize(
    ("text", "column"),
    [("a (cat:1.2.3)", 8), ("(cat:.)", 6), ("(cat:" + "9" * 400 + ")", 6), ("(" * 200 + "a", MAX_OPEN_BRACKETS + 1)],
)
def test_what_has_no_meaning_is_refused_at_its_column(text: str, column: int) -> None:
    with pytest.raises(PromptError) as caught:
        read(text)
    assert caught.value.column == column


def test_a_product_beyond_all_numbers_is_refused() -> None:
    with pytest.raises(PromptError, match="too large"):
        read("((a:" + "9" * 200 + "):" + "9" * 200 + ")")


def test_unclosed_brackets_are_reported_by_position() -> None:
    assert weighted("a (b [c] (d)", "prompt", lambda position: position)[1] == (2,)


@settings(deadline=None, max_examples=300, database=None)
@given(BRACKET_SOUP)
def test_no_bracket_soup_breaks_it(text: str) -> None:
    try:
        pieces = read(text)
    except PromptError as error:
        assert 1 <= error.column <= len(text)
        return
    assert pieces
    assert all(math.isfinite(piece.weight) for piece in pieces if isinstance(piece, WeightedText))


@settings(deadline=None, max_examples=100, database=None)
@given(st.text(max_size=40))
def test_escaping_makes_any_text_plain(text: str) -> None:
    escaped = "".join("\\" + letter if letter in "()[]\\" else letter for letter in text)
    if "BREAK" not in text:
        assert pairs(escaped) == [(text, 1.0)]
