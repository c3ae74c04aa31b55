"""A1111's prompt matrix."""

from __future__ import annotations

from studio.prompt.matrix import combinations, parts_of


def test_the_first_part_is_always_there_and_the_others_in_all_combinations() -> None:
    assert combinations("a") == ["a"]
    assert combinations(" a | b |c ") == ["a", "a, b", "a, c", "a, b, c"]
    assert combinations("|b") == ["", "b"]
    assert len(combinations("|".join("abcdefgh"))) == 128


def test_bars_within_brackets_and_escaped_ones_part_nothing() -> None:
    assert parts_of("a [b|c]|{d|e}|(f|g:1.2)|<x|y>|h\\|i|") == ["a [b|c]", "{d|e}", "(f|g:1.2)", "<x|y>", "h\\|i"]
    assert parts_of("a (b|c") == ["a (b", "c"]
