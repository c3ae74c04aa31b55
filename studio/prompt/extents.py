"""Which words of a chunk come from which piece of a text, and how far a problem at a column reaches: for showing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from studio.prompt.chunks import NO_WORDS, Tokenizer, Words, chunked
from studio.prompt.plan import Break, Piece, WeightedText

_EXTENT = re.compile(r"<[^>\n]*>?|__[^\n]*?__|\#[^\n]*|[(\[{]+[^\s,()\[\]{}]*|[^\s,()\[\]{}]+|.", re.DOTALL)


class SpanTokenizer(Tokenizer, Protocol):
    """A tokenizer that knows where its tokens stand."""

    def spans(self, text: str) -> list[tuple[int, int]]: ...


@dataclass(frozen=True)
class ChunkWords:
    """The words of one chunk of 75 tokens, by their weights, and how many of the tokens they take."""

    pieces: tuple[WeightedText, ...]
    used: int


@dataclass(frozen=True)
class _Unit:
    """What is never torn apart: a token, or the vectors of an embedding's name; where it stands in which piece."""

    tokens: int
    piece: int
    start: int
    end: int


def chunk_words(text: Sequence[Piece], tokenizer: SpanTokenizer, words: Words = NO_WORDS) -> tuple[ChunkWords, ...]:
    """The chunks of one text of a plan, as `chunked` cuts them, by their words."""
    units = list(_units(text, tokenizer, words))
    found = []
    for chunk in chunked(text, tokenizer, words=words):
        inside = chunk.token_ids[1:-1]
        used = inside.index(tokenizer.end) if tokenizer.end in inside else len(inside)
        taken: list[_Unit] = []
        while units and sum(unit.tokens for unit in taken) < used:
            taken.append(units.pop(0))
        found.append(ChunkWords(tuple(_pieces(text, taken)), used))
    return tuple(found)


def extent(text: str, column: int) -> tuple[int, int]:
    """Start and end, from 0, of what a message about ``column`` (from 1) is about."""
    start = min(max(column - 1, 0), len(text))
    match = _EXTENT.match(text, start)
    return (start, match.end()) if match else (max(0, start - 1), len(text))


def _units(text: Sequence[Piece], tokenizer: SpanTokenizer, words: Words) -> Iterator[_Unit]:
    names = sorted(words, key=len, reverse=True)
    for number, piece in enumerate(text):
        if isinstance(piece, Break):
            continue
        tokens, spans = tuple(tokenizer.encode(piece.text)), tokenizer.spans(piece.text)
        if spans:  # blanks at its ends are no token's, and are to be seen all the same
            spans[0], spans[-1] = (0, spans[0][1]), (spans[-1][0] if len(spans) > 1 else 0, len(piece.text))
        at = 0
        while at < len(tokens):
            name = next((one for one in names if tokens[at : at + len(one)] == one), None)
            length = len(name) if name else 1
            vectors = len(words[name]) if name else 1
            yield _Unit(vectors, number, spans[at][0], spans[at + length - 1][1])
            at += length


def _pieces(text: Sequence[Piece], units: Sequence[_Unit]) -> Iterator[WeightedText]:
    for number, piece in enumerate(text):
        inside = [unit for unit in units if unit.piece == number]
        if inside and isinstance(piece, WeightedText):
            yield WeightedText(piece.text[inside[0].start : inside[-1].end], piece.weight)
