"""Prompt editing and alternation: the text in force at each step, against schedules written out by hand."""

from __future__ import annotations

import pytest

from studio.errors import PromptError
from studio.prompt.editing import edited
from studio.prompt.source import Source


def texts(prompt: str, steps: int = 10) -> list[tuple[int, str]]:
    return [(entry.until_step, entry.source.text) for entry in edited(Source(prompt), steps, "prompt")[0]]


def remarks(prompt: str, steps: int = 10) -> list[int]:
    return [remark.column for remark in edited(Source(prompt), steps, "prompt")[1]]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a cat", [(10, "a cat")]),
        ("a [cat:dog:3]", [(3, "a cat"), (10, "a dog")]),
        ("a [cat:dog:0.25] b", [(2, "a cat b"), (10, "a dog b")]),
        ("a [dog:4]", [(4, "a "), (10, "a dog")]),
        ("a [cat::4] b", [(4, "a cat b"), (10, "a  b")]),
        ("[cat:dog: 4 ]", [(4, "cat"), (10, "dog")]),
        ("[cat:dog:.5]", [(5, "cat"), (10, "dog")]),
        ("[cat:dog:1e0]", [(1, "cat"), (10, "dog")]),
        ("[cat:dog:0]", [(10, "dog")]),
        ("[cat:dog:-3]", [(10, "dog")]),
        ("[cat:dog:99]", [(10, "cat")]),
        ("[cat:dog:1.0]", [(10, "cat")]),
        ("[cat:dog:1e999]", [(10, "cat")]),
        ("[a:b:2] [c:d:5]", [(2, "a c"), (5, "b c"), (10, "b d")]),
        ("x[a:[b:c:4]:2]y", [(2, "xay"), (4, "xby"), (10, "xcy")]),
        ("[(a:1.3):b:2]", [(2, "(a:1.3)"), (10, "b")]),
        ("(a [b:c:2]:1.2)", [(2, "(a b:1.2)"), (10, "(a c:1.2)")]),
        ("(a:[0.8:1.2:5])", [(5, "(a:0.8)"), (10, "(a:1.2)")]),
        (r"[a\:b:c:2]", [(2, r"a\:b"), (10, "c")]),
        ("[[a]:2]", [(2, ""), (10, "[a]")]),
    ],
)
def test_editing(prompt: str, expected: list[tuple[int, str]]) -> None:
    assert texts(prompt) == expected


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("[a|b]", [(1, "a"), (2, "b"), (3, "a"), (4, "b"), (5, "a")]),
        ("[a|b|c]", [(1, "a"), (2, "b"), (3, "c"), (4, "a"), (5, "b")]),
        ("[fe|]male", [(1, "female"), (2, "male"), (3, "female"), (4, "male"), (5, "female")]),
        ("[a|[b|c]]", [(1, "a"), (2, "c"), (3, "a"), (4, "c"), (5, "a")]),
        ("[[a|b]:c:2]", [(1, "a"), (2, "b"), (5, "c")]),
        ("[a|(b:1.2)]", [(1, "a"), (2, "(b:1.2)"), (3, "a"), (4, "(b:1.2)"), (5, "a")]),
        ("[a|a]", [(5, "a")]),
    ],
)
def test_alternation(prompt: str, expected: list[tuple[int, str]]) -> None:
    assert texts(prompt, steps=5) == expected


@pytest.mark.parametrize(
    "prompt",
    [
        "a [cat",
        "cat] b",
        "[cat]",
        "[a:b]",
        "[a:b:c]",
        "[a:b:c:3]",
        "(a|b)",
        "a | b",
        "[a:b|c]",
        "[x (a:b:3]",
        "(a:b:c)",
    ],
)
def test_what_is_no_construct_stays_as_it_stands(prompt: str) -> None:
    assert texts(prompt) == [(10, prompt)]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("(a [b:c:3]", [(3, "(a b"), (10, "(a c")]),
        ("a) [b:c:3]", [(3, "a) b"), (10, "a) c")]),
        ("[a:b [c:d:3]", [(3, "[a:b c"), (10, "[a:b d")]),
        ("a | [b:c:3]", [(3, "a | b"), (10, "a | c")]),
        ("[(a|b):c:3]", [(3, "(a|b)"), (10, "c")]),
        ("[b:c:3] \\", [(3, "b \\"), (10, "c \\")]),
    ],
)
def test_plain_brackets_do_not_switch_editing_off(prompt: str, expected: list[tuple[int, str]]) -> None:
    assert texts(prompt) == expected


def test_what_looks_like_editing_but_is_not_is_remarked_on() -> None:
    assert remarks("a [cat:dog] b") == [3]
    assert remarks("a [cat:1.2]") == [3]
    assert remarks("a [cat:dog:0.5], [cat], (cat:1.2)") == []


def test_columns_survive_the_cutting() -> None:
    entries = edited(Source("xy [cat:a (dog):4]"), 10, "prompt")[0]
    assert entries[-1].source.text == "xy a (dog)"
    assert entries[-1].source.column(entries[-1].source.text.index("(")) == 11


@pytest.mark.parametrize("bracket", ["(", "["])
def test_bottomless_nesting_is_refused_at_its_column(bracket: str) -> None:
    with pytest.raises(PromptError) as caught:
        edited(Source("a " + bracket * 10_000), 10, "prompt")
    assert caught.value.column == 103


def test_the_deepest_nesting_allowed_works() -> None:
    assert texts("[" * 99 + "[a:b:3]" + "]" * 99)[0] == (3, "[" * 99 + "a" + "]" * 99)
    assert len(texts("[a:" * 100 + "b" + ":3]" * 100)) == 2


def test_many_turns_of_a_long_prompt_are_refused() -> None:
    options = " ".join("[" + "|".join("abcdefghijklm"[:count]) + "]" for count in (7, 11, 13))
    assert len(texts(options, steps=1000)) == 1000
    with pytest.raises(PromptError, match="too long to change this often"):
        texts(options + "x" * 10_000, steps=1000)
