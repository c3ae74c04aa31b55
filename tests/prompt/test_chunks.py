"""Cutting into chunks of 75 tokens: padding, BREAK, and A1111's way with late commas."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.prompt import Break, Chunk, Piece, WeightedText, chunked, empty_chunk
from tests.prompt.words import WordTokenizer

TOKENIZER = WordTokenizer()


def numbered(count: int, first: int = 0) -> str:
    return " ".join(f"w{number}" for number in range(first, first + count))


def words_in(chunk: Chunk) -> list[int]:
    return list(chunk.token_ids[1 : chunk.token_ids.index(TOKENIZER.end)])


def test_a_short_text_is_one_padded_chunk() -> None:
    (chunk,) = chunked((WeightedText("a "), WeightedText("cat", 1.3)), TOKENIZER)
    a, cat = TOKENIZER.encode("a cat")
    assert chunk.token_ids == (1, a, cat, 2, *[3] * 73)
    assert chunk.weights == (1.0, 1.0, 1.3, *[1.0] * 74)
    assert len(chunk.token_ids) == len(chunk.weights) == 77


def test_no_words_are_one_empty_chunk() -> None:
    assert chunked((WeightedText(""),), TOKENIZER) == (empty_chunk(TOKENIZER),)
    assert empty_chunk(TOKENIZER).token_ids == (1, 2, *[3] * 75)


def test_75_words_fit_and_the_76th_starts_a_chunk() -> None:
    assert len(chunked((WeightedText(numbered(75)),), TOKENIZER)) == 1
    first, second = chunked((WeightedText(numbered(76)),), TOKENIZER)
    assert first.token_ids[-1] == TOKENIZER.end and len(words_in(first)) == 75
    assert words_in(second) == TOKENIZER.encode("w75")


@pytest.mark.parametrize(("behind", "moved"), [(19, 19), (0, 0), (20, 0), (30, 0)])
def test_words_behind_a_late_comma_move_on_together(behind: int, moved: int) -> None:
    before = 75 - 1 - behind
    text = numbered(before) + " , " + numbered(behind + 1, before)
    first, second = chunked((WeightedText(text),), TOKENIZER)
    assert len(words_in(first)) == 75 - moved
    assert len(words_in(second)) == 1 + moved
    assert words_in(first) + words_in(second) == TOKENIZER.encode(text)


def test_weights_move_with_their_words() -> None:
    text = (WeightedText(numbered(70) + " , "), WeightedText(numbered(4, 70) + " extra", 1.5))
    first, second = chunked(text, TOKENIZER)
    assert set(first.weights) == {1.0}
    assert second.weights == (1.0, *[1.5] * 5, *[1.0] * 71)


def test_a_comma_right_after_a_full_chunk_starts_the_next() -> None:
    first, second = chunked((WeightedText(numbered(75) + ", a"),), TOKENIZER)
    assert len(words_in(first)) == 75
    assert words_in(second) == TOKENIZER.encode(", a")


def test_backtracking_can_be_switched_off() -> None:
    text = (WeightedText(numbered(70) + " , " + numbered(10, 70)),)
    assert len(words_in(chunked(text, TOKENIZER)[0])) == 71
    assert len(words_in(chunked(text, TOKENIZER, comma_backtrack=0)[0])) == 75


def test_break_ends_a_chunk() -> None:
    first, second = chunked((WeightedText("a"), Break(), WeightedText("b")), TOKENIZER)
    assert (words_in(first), words_in(second)) == (TOKENIZER.encode("a"), TOKENIZER.encode("b"))
    assert [words_in(chunk) for chunk in chunked((Break(), Break(), WeightedText("b")), TOKENIZER)] == [
        [],
        [],
        TOKENIZER.encode("b"),
    ]
    assert chunked((Break(),), TOKENIZER) == (empty_chunk(TOKENIZER),)


@settings(deadline=None, max_examples=200, database=None)
@given(
    st.lists(
        st.one_of(
            st.just(Break()),
            st.builds(
                WeightedText, st.lists(st.sampled_from(["a", "b", ","]), max_size=120).map(" ".join), st.floats(-2, 2)
            ),
        ),
        max_size=5,
    )
)
def test_no_token_is_lost_and_each_keeps_its_weight(text: list[Piece]) -> None:
    chunks = chunked(text, TOKENIZER)
    wanted = [
        (token, piece.weight)
        for piece in text
        if isinstance(piece, WeightedText)
        for token in TOKENIZER.encode(piece.text)
    ]
    got = [pair for chunk in chunks for pair in list(zip(chunk.token_ids, chunk.weights, strict=True))[1:]]
    assert [pair for pair in got if pair[0] > 3] == wanted
    assert all(len(chunk.token_ids) == 77 and chunk.token_ids[0] == 1 for chunk in chunks)
