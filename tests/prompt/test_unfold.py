"""Templates: what they may become, the same on every machine, and nothing else of the language lost."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from dynamicprompts.generators import CombinatorialPromptGenerator
from dynamicprompts.wildcards import WildcardManager
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.errors import InvalidField, PromptError, StudioError
from studio.prompt import parse
from studio.prompt.template import MAX_DEPTH, is_template
from studio.prompt.unfold import Entry, arrangement, unfold
from tests.prompt.wildcards import some

SEEDS = range(300)

RECORDED = json.loads((Path(__file__).parent / "recorded_unfolding.json").read_text(encoding="utf-8"))
"""What templates became when they were recorded, by template and seed."""


def becomes(template: str) -> set[str]:
    return {unfold(template, seed, some) for seed in SEEDS}


@pytest.mark.parametrize("template", RECORDED)
def test_the_same_seed_gives_what_it_always_gave(template: str) -> None:
    assert {seed: unfold(template, int(seed), some) for seed in RECORDED[template]} == RECORDED[template]


@pytest.mark.parametrize(("hash_seed", "locale"), [("1", "C"), ("4242", "de_DE.UTF-8")])
def test_the_same_seed_gives_the_same_in_another_process(hash_seed: str, locale: str) -> None:
    code = (
        "import json, random, sys\n"
        "random.seed(3)\n"
        "from studio.prompt.unfold import unfold\n"
        "from tests.prompt.wildcards import some\n"
        "asked = json.load(sys.stdin.buffer)\n"
        "found = {text: {seed: unfold(text, int(seed), some) for seed in seeds} for text, seeds in asked.items()}\n"
        "sys.stdout.buffer.write(json.dumps(found).encode())\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(RECORDED).encode(),
        capture_output=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "LC_ALL": locale, "LANG": locale},
        cwd=Path(__file__).resolve().parents[2],
    )
    assert answer.returncode == 0, answer.stderr.decode()
    assert json.loads(answer.stdout) == RECORDED


def test_the_global_generator_is_left_alone() -> None:
    random.seed(5)
    before = random.getstate()
    unfold("{a|b} __colours__ {2$$x|y|z}", 1, some)
    assert random.getstate() == before


@pytest.mark.parametrize(
    "template",
    ["a {red|blue} cat", "a { red | blue } cat", "{a|b|c} {d|e}", "{2$$a|b|c}", "{2$$ and $$a|b|c}", "{1-2$$a|b|c}",
     "{-2$$a|b|c}", "{2-$$a|b|c}", "{0-1$$a|b}", "{a|{b|c}} d", "{2$${a|b}|c}", "{a}", "{}", "x {|y}", "{9$$a|b}"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the library's own reader calls old names of pyparsing
def test_it_means_what_it_means_to_the_extension_of_a1111(template: str) -> None:
    theirs = set(CombinatorialPromptGenerator(WildcardManager()).generate(template, 500))
    assert becomes(template) == {str(one) for one in theirs}


@pytest.mark.parametrize(
    ("template", "texts"),
    [
        ("__colours__ fox", {"red fox", "blue fox", "green fox", "gray fox"}),
        ("{[a|b]|c}", {"[a|b]", "c"}),
        ("<lora:x:{0.5|0.8}>", {"<lora:x:0.5>", "<lora:x:0.8>"}),
        ("({red|blue}:1.2)", {"(red:1.2)", "(blue:1.2)"}),
        ("{a\\|b|c\\}}", {"a\\|b", "c\\}"}),
        ("{2$$|$$a|b}", {"a|b", "b|a"}),
        ("{0::a|b}", {"b"}),
        ("a # {x|y", {"a # {x|y"}),
        ("a} b", {"a} b"}),
        ("_____ {a|b}", {"_____ a", "_____ b"}),
        ("{50%|$5|a // b}\t[x|y]", {"50%\t[x|y]", "$5\t[x|y]", "a // b\t[x|y]"}),
    ],
)
def test_what_a_template_may_become(template: str, texts: set[str]) -> None:
    assert becomes(template) == texts


def test_a_text_without_choices_stays_as_it_is() -> None:
    for text in ("a cat, [a|b], (x:1.2) \\{a|b\\} \\__colours__ <lora:a_b:1> # {", "a | b", "__ x __", "snake_case__"):
        assert not is_template(text) and unfold(text, 1, some) == text


def test_weights_count_in_templates_and_wildcards() -> None:
    counted = Counter(unfold("{3::a|b}", seed, some) for seed in range(2000))
    assert 1400 < counted["a"] < 1600
    counted = Counter(unfold("__colours__", seed, some) for seed in range(2000))
    assert 900 < counted["blue"] < 1100 and 400 < counted["red"] < 600
    # the second draw must not give an option another one's weight
    counted = Counter(unfold("{2$$1000::a|1::b|1000::c}", seed, some) for seed in range(400))
    assert counted["a,c"] + counted["c,a"] > 390 and 150 < counted["c,a"] < 250


def test_prompt_and_negative_draw_apart_and_a_second_pass_as_the_first() -> None:
    text = "__colours__ {a|b|c|d}"
    assert any(unfold(text, seed, some, "negative_prompt") != unfold(text, seed, some) for seed in range(5))
    for seed in range(20):
        assert unfold(text, seed, some, "hires_prompt") == unfold(text, seed, some)
        negative = unfold(text, seed, some, "negative_prompt")
        assert unfold(text, seed, some, "hires_negative_prompt") == negative


def test_choices_that_go_by_the_seed() -> None:
    assert [unfold("{@a|b|c} {@x|y}", seed, some) for seed in range(4)] == ["a x", "b y", "c x", "a y"]
    assert len({unfold("{!a|b} {!x|y|z} {!2$$1|2|3}", seed, some) for seed in range(7, 7 + 36)}) == 36
    assert [unfold("__@things/odd__", seed, some) for seed in (0, 5)] == ["50% off $5"] * 2


def test_arrangements_are_all_different() -> None:
    class Turn:
        number = 0

        def next(self, sign: str, options: int) -> int:
            return self.number % options

    turn, found = Turn(), set()
    for turn.number in range(4 + 12):
        found.add(tuple(arrangement(4, 1, 2, turn, "!")))  # type: ignore[arg-type]
    assert len(found) == 16 and all(len(set(one)) == len(one) for one in found)


@pytest.mark.parametrize(
    ("template", "message", "column"),
    [
        ("a {b|c", "this { is never closed", 3),
        ("a {b|{c}", "this { is never closed", 3),
        ("a __nothing__", "There is no wildcard 'nothing'", 3),
        ("{a|b __nothing__}", "There is no wildcard 'nothing'", 6),
        ("a __colours(x=y)__", "take no parameters", 3),
        ("a ${x=cat}", "no variables", 3),
        ("a {0::b|0::c}", "every option has the weight 0", 3),
        ("a {$$b|c}", "how many?", 3),
        ("a {9999999::b|c}", "at most", 4),
        ("a __loop__", "names itself", 3),
        ("a __wide__", "names itself", 3),
        ("{" * (MAX_DEPTH + 1) + "}" * (MAX_DEPTH + 1), "within each other", MAX_DEPTH + 1),
        ("{_|_}_colours__", "makes another template", 1),
    ],
)
def test_what_cannot_be_is_refused_at_its_column(template: str, message: str, column: int) -> None:
    with pytest.raises(PromptError) as caught:
        unfold(template, 1, some, "negative_prompt")
    assert message in str(caught.value)
    assert (caught.value.field, caught.value.column) == ("negative_prompt", column)


def test_what_is_too_long_for_a_prompt_is_refused() -> None:
    def long(name: str) -> list[Entry]:
        return [Entry("x" * 15_000 if name == "long" else "x" * 1_000_000)]

    assert len(unfold("__long__", 1, long)) == 15_000
    with pytest.raises(InvalidField, match="30,000 characters are too many"):
        unfold("__long____long__", 1, long)
    with pytest.raises(PromptError, match="brings too much"):
        unfold("__huge__", 1, long)


def test_what_is_wrong_in_a_wildcard_points_at_its_name() -> None:
    def broken(name: str) -> list[Entry]:
        return [Entry("x {y")]

    with pytest.raises(PromptError, match=r"the wildcard 'w': this \{ is never closed") as caught:
        unfold("a __w__", 1, broken)
    assert caught.value.column == 3


PARTS = st.sampled_from(
    ["{", "}", "|", "[", "]", "(", ")", ":", "::", "$$", "2$$", "1-2$$", "__", "__colours__", "__both__", "__@both__",
     "__loop__", "_", "@", "!", "~", "\\", "#", "\n", "$", "%", "//", "/*", "0.5", "2::", "cat", "dog", " ", ",", "<",
     "<lora:x:0.5>", ">", "BREAK", " AND ", "猫", "\t", "\u2028", "[a|b]", "(x:1.2)", "{a|b}", "{!a|b}", "*", "."]
)  # fmt: skip


@settings(max_examples=1500, deadline=2000, derandomize=True)
@given(st.lists(PARTS, max_size=14).map("".join), st.integers(0, 2**32 - 1))
def test_unfolding_ends_and_leaves_no_template(text: str, seed: int) -> None:
    try:
        result = unfold(text, seed, some)
    except PromptError:
        return
    assert unfold(result, seed + 1, some) == result
    if not is_template(text):
        assert result == text


PLAIN = st.sampled_from(
    ["[cat:dog:5]", "[a|b|]", "(x:1.2)", "((y))", "<lora:x_y:0.5>", "BREAK", " AND ", "\\{", "\\}", "\\(", "\\\\",
     "50%", "$5", "a // b", "/* c */", "16:9", "_", "snake_case", "猫", "\t", "\n", " ", ",", "#1\n", "\u2028", "..."]
)  # fmt: skip


@settings(max_examples=500, deadline=2000, derandomize=True)
@given(
    st.lists(PLAIN, min_size=1, max_size=6).map("".join), st.lists(PLAIN, max_size=6).map("".join), st.integers(0, 99)
)
def test_nothing_else_of_the_language_is_lost(before: str, inside: str, seed: int) -> None:
    """What stands around a choice, and what stands in it, comes out as it went in."""
    hidden = inside.count("#") > inside.count("\n") or before.rpartition("\n")[2].count("#")
    option = inside.lstrip()
    if hidden or option[:1] in ("", "_") or option[0].isdigit() or option[0] in "~!@" or before.endswith(("_", "$")):
        return
    assert unfold(f"{before}{{{inside}}} end", seed, some) == f"{before}{option} end"


def test_random_templates_are_read_by_the_prompt_after_it() -> None:
    for seed in range(50):
        text = unfold("a ({__colours__|__both__}:1.1) [{cat|fox}:dog:0.5] \\{x\\}", seed, some)
        assert parse(text).variants
    assert parse(unfold("\\{a\\}", 1, some)).at(0)[0].text[0].text == "{a}"  # type: ignore[union-attr]


def test_a_thousand_pictures_take_no_time() -> None:
    import time

    started = time.perf_counter()
    for seed in range(1000):
        unfold("a {2$$x|y|z} __both__ on __colours__", seed, some)
    assert time.perf_counter() - started < 5
    with pytest.raises(StudioError):
        unfold("{" * 20_000, 1, some)
