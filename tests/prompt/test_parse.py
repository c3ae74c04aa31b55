"""The whole prompt: sides of AND, comments, extra networks, limits, and columns that point at what was typed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.errors import PromptError
from studio.prompt import ExtraNetwork, PromptPlan, WeightedCondition, WeightedText, count_tokens, parse
from tests.prompt.words import WordTokenizer

SOUP = st.text(alphabet="ab ()[]:|\\.,12#<>\nANDBREK", max_size=60)


def sides(plan: PromptPlan, step: int = 0) -> list[tuple[object, float]]:
    return [(condition.text, condition.weight) for condition in plan.at(step)]


def words(text: str, weight: float = 1.0) -> tuple[WeightedText, ...]:
    return (WeightedText(text, weight),)


def test_one_prompt_is_one_condition() -> None:
    plan = parse("a cat  ")
    assert plan.at(0) == plan.at(19) == (WeightedCondition(words("a cat"), 1.0),)
    assert plan.variants == (words("a cat"),)
    assert plan.remarks == ()


def test_and_makes_sides_with_weights() -> None:
    plan = parse("a cat :1.2 AND a dog AND bird: -0.5 ")
    assert sides(plan) == [(words("a cat"), 1.2), (words(" a dog"), 1.0), (words(" bird"), -0.5)]
    assert sides(parse("SAND ANDY")) == [(words("SAND ANDY"), 1.0)]


def test_a_lone_weight_at_the_end_counts_and_is_remarked_on() -> None:
    plan = parse("format 16:9")
    assert sides(plan) == [(words("format 16"), 9.0)]
    assert [remark.column for remark in plan.remarks] == [10]
    assert sides(parse("format 16:9.")) == [(words("format 16"), 9.0)]
    assert sides(parse("format 16:9,")) == [(words("format 16:9,"), 1.0)]


def test_steps_count_from_zero_and_each_text_comes_once() -> None:
    plan = parse("[cat|dog] AND [cat:dog:0.5]", steps=4)
    assert [side[0] for side in sides(plan, 0)] == [words("cat"), words(" cat")]
    # The number of steps behind us: as in A1111, "until step 1" covers the steps numbered 0 and 1.
    assert [sides(plan, step)[0][0] for step in range(4)] == [words("cat"), words("cat"), words("dog"), words("cat")]
    assert [sides(plan, step)[1][0] for step in range(4)] == [words(" cat")] * 3 + [words(" dog")]
    assert set(plan.variants) == {words("cat"), words("dog"), words(" cat"), words(" dog")}
    assert len(plan.variants) == 4
    assert plan.at(1000) == plan.at(3 + 1)


def test_negative_prompts_know_no_and_no_weight_and_no_adapters() -> None:
    text = "blurry AND <lora:x:1> ugly :2"
    plan = parse(text, "negative_prompt")
    assert sides(plan) == [(words(text), 1.0)]
    assert plan.extras == ()
    assert sides(parse("[a:b:1] (c)", "negative_prompt"), 19)[0][0] == (WeightedText("b "), WeightedText("c", 1.1))


def test_extra_networks_leave_the_text() -> None:
    plan = parse("a <lora:my style:0.8:0.5> cat <hypernet:h>, 1 < 2 <lora:open")
    assert plan.extras == (ExtraNetwork("lora", ("my style", "0.8", "0.5"), 3), ExtraNetwork("hypernet", ("h",), 31))
    assert sides(plan) == [(words("a  cat , 1 < 2 <lora:open"), 1.0)]


def test_comments_end_with_the_line() -> None:
    plan = parse("a cat # (not this\non # nor this")
    assert sides(plan) == [(words("a cat \non"), 1.0)]
    assert [remark.column for remark in plan.remarks] == [7, 22]


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("a (cat:1.2.3)", 8),
        ("a # note\n(cat:1.2.3)", 15),
        ("<lora:x:1> (cat:..)", 17),
        ("a AND b AND (cat:1.2.3)", 18),
        ("[one:two:3] (cat:1.2.3)", 18),
        ("[one:(two:1.2.3):3]", 11),
        ("# c\n<lora:x:1>a AND [a:b # d\n (c:.):4]", 34),
        ("a AND b:" + "9" * 400, 8),
        ("a \ud83d cat", 3),
        (" AND ".join("a" * 33), 189),
    ],
)
def test_errors_point_at_the_typed_column(text: str, column: int) -> None:
    with pytest.raises(PromptError) as caught:
        parse(text)
    assert caught.value.column == column
    assert caught.value.field == "prompt"


def test_unclosed_brackets_are_remarked_on_once() -> None:
    plan = parse("a (cat [dog|bird]", steps=20)
    assert [(remark.column, "never closed" in remark.message) for remark in plan.remarks] == [(3, True)]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 20_000,
        "[" * 20_000,
        "()" * 10_000,
        "([)" * 6_666,
        "[a|b]" * 4_000,
        "[b:c:3]" * 2_857,
        "(a" * 99 + "(b)" * 6_000,
        "<a:" * 6_666,
        " " * 20_000,
        "(a:" + " " * 19_000 + "1",
        "BREAK " * 3_333,
        " AND" * 5_000,
        ":" * 20_000,
        "\\" * 20_000,
        "[a:" * 6_666,
        "#a\n" * 6_666,
    ],
)
def test_the_longest_prompts_take_no_time(text: str) -> None:
    assert len(text) <= 20_000
    started = time.process_time()
    try:
        parse(text, steps=1000)
    except PromptError as error:
        assert 1 <= error.column <= len(text)
    # Ordinary ones take milliseconds; what grows with the square of the length takes tens of seconds here.
    assert time.process_time() - started < 2


@settings(deadline=None, max_examples=400, database=None)
@given(SOUP, st.integers(1, 12))
def test_any_soup_gives_a_plan_or_a_column(text: str, steps: int) -> None:
    try:
        plan = parse(text, steps=steps)
    except PromptError as error:
        assert 1 <= error.column <= len(text)
        return
    encoded = set(plan.variants)
    for step in range(steps):
        assert len(plan.at(step)) == len(plan.parts)
        assert all(condition.text in encoded for condition in plan.at(step))
    for part in plan.parts:
        until = [entry.until_step for entry in part.schedule]
        assert until == sorted(set(until)) and until[-1] == steps
    assert all(1 <= remark.column <= len(text) for remark in plan.remarks)


def test_the_counter_shows_the_longest_text() -> None:
    tokenizer = WordTokenizer()
    assert count_tokens("", tokenizer) == (0, 75)
    assert count_tokens("a cat", tokenizer) == (2, 75)
    assert count_tokens("a (cat:1.3), <lora:x:1>", tokenizer) == (3, 75)
    assert count_tokens("[a:a b c:3]", tokenizer) == (3, 75)
    assert count_tokens("a AND b c", tokenizer) == (2, 75)
    assert count_tokens("a b BREAK c", tokenizer) == (76, 150)
    assert count_tokens("word " * 80, tokenizer) == (80, 150)
