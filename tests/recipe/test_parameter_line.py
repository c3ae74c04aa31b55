"""The last line of an infotext: quoting, and finding pairs as A1111's pattern does."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.recipe.parameter_line import can_be_key, joined, pairs_in, quoted, unquoted

PATTERN = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
"""The pair pattern as the format's description states it: simple, and quadratic on long lines."""


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("Euler a", "Euler a"),
        ("a, b", '"a, b"'),
        ("a: b", '"a: b"'),
        ("a\nb", '"a\\nb"'),
        ("猫, dog", '"猫, dog"'),
        ('my "best"', 'my "best"'),
        ('my "best", yet', '"my \\"best\\", yet"'),
        ("a\\b", "a\\b"),
        ("a\\b,", '"a\\\\b,"'),
        ('"quoted"', '"\\"quoted\\""'),
        ("", '""'),
        (" blank", '" blank"'),
    ],
)
def test_quoting(value: str, written: str) -> None:
    assert quoted(value) == written
    assert unquoted(written) == value


@pytest.mark.parametrize("value", ['"not \\x json"', '"', "'a'", '"a', 'a"'])
def test_what_is_no_json_string_stays(value: str) -> None:
    assert unquoted(value) == value


@pytest.mark.parametrize(
    ("line", "pairs"),
    [
        ("Steps: 20, Sampler: Euler a", [("Steps", "20"), ("Sampler", "Euler a")]),
        ('Model: "a, b: c", Seed: 1', [("Model", "a, b: c"), ("Seed", "1")]),
        ("Steps:20,Seed:   1", [("Steps", "20"), ("Seed", "1")]),
        ("X/Y/Z Type: Nothing, Lora-hash: 1", [("X/Y/Z Type", "Nothing"), ("Lora-hash", "1")]),
        ("A: 1, Bc: 2", [("Bc", "2")]),
        ("loose words, Steps: 20", [("Steps", "20")]),
        ('Model: "unclosed, Seed: 1', [("Model", '"unclosed'), ("Seed", "1")]),
        ('Model: "a" b, Seed: 1', [("Model", '"a" b'), ("Seed", "1")]),
        ("Größe: 1, 高さ: 2", [("Größe", "1"), ("高さ", "2")]),
        ("Empty: , Seed: 1", [("Empty", ""), ("Seed", "1")]),
        ("", []),
    ],
)
def test_pairs(line: str, pairs: list[tuple[str, str]]) -> None:
    assert pairs_in(line) == pairs


@settings(deadline=None, max_examples=500, database=None)
@given(st.text(alphabet='ab1 -/:,"\\\t(é_', max_size=40))
def test_pairs_are_those_of_the_pattern(line: str) -> None:
    assert pairs_in(line) == [(key.rstrip(), unquoted(value)) for key, value in PATTERN.findall(line)]


@settings(deadline=None, max_examples=300, database=None)
@given(st.dictionaries(st.text(min_size=2, max_size=12).filter(can_be_key), st.text(max_size=30), max_size=5))
def test_any_pairs_round_trip(pairs: dict[str, str]) -> None:
    assert pairs_in(joined(pairs.items())) == list(pairs.items())


def test_a_json_string_is_what_any_other_reader_expects() -> None:
    assert json.loads(quoted('a, "b"\n\\')) == 'a, "b"\n\\'


@pytest.mark.parametrize(
    "line", ["a" * 200_000, "ab " * 70_000, 'ab: "x, ' * 30_000, 'ab: "\\' + '\\"' * 90_000, "-" * 200_000]
)
def test_long_lines_take_no_time(line: str) -> None:
    started = time.process_time()
    pairs_in(line)
    assert time.process_time() - started < 2
