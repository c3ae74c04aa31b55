"""From weighted text to the 77 token ids and weights that CLIP takes, as A1111 cuts them.

Owns the cutting: 75 tokens a chunk between a start and an end token, padding, ``BREAK``, and moving the words after
a late comma to the next chunk rather than tearing them apart. It refuses to know a particular tokenizer or any
tensor. Source: AUTOMATIC1111's wiki, "Infinite prompt length", "BREAK keyword", and its setting
``comma_padding_backtrack`` (20 by default).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from studio.prompt.plan import Break, Piece

CHUNK_TOKENS = 75
COMMA_BACKTRACK_TOKENS = 20


Words = Mapping[tuple[int, ...], tuple[int, ...]]
"""Embeddings by the tokens of their names: the ids that stand for their vectors, none of them the tokenizer's own."""

NO_WORDS: Words = {}


class Tokenizer(Protocol):
    """What cutting needs of a tokenizer. ``encode`` adds no start or end token and cuts nothing off."""

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...

    @property
    def pad(self) -> int: ...

    def encode(self, text: str) -> list[int]: ...


@dataclass(frozen=True)
class Chunk:
    """One input of the text encoder: 77 token ids, and a weight for each of the 77 embeddings (1 = unchanged)."""

    token_ids: tuple[int, ...]
    weights: tuple[float, ...]


class TokenCount(NamedTuple):
    """``used`` tokens, padding before a ``BREAK`` included, of the ``capacity`` of the chunks they need."""

    used: int
    capacity: int


def chunked(
    text: Sequence[Piece],
    tokenizer: Tokenizer,
    comma_backtrack: int = COMMA_BACKTRACK_TOKENS,
    words: Words = NO_WORDS,
) -> tuple[Chunk, ...]:
    """The chunks of one text of a plan (one of ``PromptPlan.variants``); at least one.

    Where the name of one of ``words`` stands, its vectors' ids take the place of the name's tokens; they stay together
    in one chunk. The longest name wins.
    """
    return _cut(text, tokenizer, comma_backtrack, words)[0]


def empty_chunk(tokenizer: Tokenizer) -> Chunk:
    """The chunk of an empty prompt; texts of one round are padded with it to the same number of chunks."""
    return _closed([], [], tokenizer)


def count_text(text: Sequence[Piece], tokenizer: Tokenizer, words: Words = NO_WORDS) -> TokenCount:
    """How many tokens one text takes, as A1111's counter shows it."""
    chunks, used = _cut(text, tokenizer, COMMA_BACKTRACK_TOKENS, words)
    return TokenCount(used, CHUNK_TOKENS * max(len(chunks), 1))


def _cut(
    text: Sequence[Piece], tokenizer: Tokenizer, comma_backtrack: int, words: Words
) -> tuple[tuple[Chunk, ...], int]:
    comma = tokenizer.encode(",")
    names = sorted(words, key=len, reverse=True)
    cutter = _Cutter(tokenizer, comma[0] if len(comma) == 1 else None, comma_backtrack)
    for piece in text:
        if isinstance(piece, Break):
            cutter.close()
        else:
            tokens = tuple(tokenizer.encode(piece.text))
            while tokens:
                name = next((one for one in names if tokens[: len(one)] == one), None)
                if name is None:
                    cutter.add(tokens[0], piece.weight)
                else:
                    cutter.add_together(words[name], piece.weight)
                tokens = tokens[len(name) if name else 1 :]
    return cutter.finish()


class _Cutter:
    """The chunk being filled, those closed before it, and where its last comma stands."""

    def __init__(self, tokenizer: Tokenizer, comma: int | None, comma_backtrack: int) -> None:
        self._tokenizer = tokenizer
        self._comma = comma
        self._comma_backtrack = comma_backtrack
        self._closed: list[Chunk] = []
        self._tokens: list[int] = []
        self._weights: list[float] = []
        self._last_comma: int | None = None

    def add(self, token: int, weight: float) -> None:
        if token == self._comma:
            self._last_comma = len(self._tokens)
        elif self._full and self._last_comma is not None:
            self._move_behind_comma(self._last_comma + 1)
        if self._full:
            self.close()
        self._tokens.append(token)
        self._weights.append(weight)

    def add_together(self, ids: Sequence[int], weight: float) -> None:
        if len(self._tokens) + len(ids) > CHUNK_TOKENS:
            self.close()
        self._tokens += ids
        self._weights += [weight] * len(ids)

    def close(self) -> None:
        self._closed.append(_closed(self._tokens, self._weights, self._tokenizer))
        self._tokens, self._weights, self._last_comma = [], [], None

    def finish(self) -> tuple[tuple[Chunk, ...], int]:
        used = CHUNK_TOKENS * len(self._closed) + len(self._tokens)
        if self._tokens or not self._closed:
            self.close()
        return tuple(self._closed), used

    @property
    def _full(self) -> bool:
        return len(self._tokens) == CHUNK_TOKENS

    def _move_behind_comma(self, cut: int) -> None:
        if CHUNK_TOKENS - (cut - 1) > self._comma_backtrack:
            return
        tokens, weights = self._tokens[cut:], self._weights[cut:]
        self._tokens, self._weights = self._tokens[:cut], self._weights[:cut]
        self.close()
        self._tokens, self._weights = tokens, weights


def _closed(tokens: Sequence[int], weights: Sequence[float], tokenizer: Tokenizer) -> Chunk:
    room = CHUNK_TOKENS - len(tokens)
    return Chunk(
        token_ids=(tokenizer.start, *tokens, tokenizer.end, *[tokenizer.pad] * room),
        weights=(1.0, *weights, 1.0, *[1.0] * room),
    )
