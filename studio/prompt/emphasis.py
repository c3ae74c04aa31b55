"""Word weights: from ``a (cat:1.2) [dog]`` to texts with factors.

Owns A1111's arithmetic, which is lenient on purpose: round and square brackets are counted apart, a bracket that is
never closed holds to the end, and a colon without a number is a colon. It refuses only what has no meaning: a weight
that is no number, and more open brackets than anybody can mean. Source: AUTOMATIC1111's wiki,
"Attention/emphasis", and its observed answers (version 1.10).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import NoReturn

from studio.errors import PromptError
from studio.prompt.plan import Break, Piece, Text, WeightedText

ROUND_FACTOR = 1.1
SQUARE_FACTOR = 1 / 1.1
MAX_OPEN_BRACKETS = 100
"""1.1 to the 100th is 13,780: far beyond any use, and every bracket costs a multiplication per word in it."""

_TOKEN = re.compile(
    r"""
    \\(?P<escaped>[()\[\]\\]?)                          # a lone backslash says nothing, as in A1111
    | (?P<open>[(\[])
    | :\s*(?P<weight>[+-]?[.\d]+)\s*\)
    | (?P<close>[)\]])
    | (?P<words>[^\\()\[\]:]+|:)
    """,
    re.VERBOSE,
)
_BREAK = re.compile(r"\bBREAK\b")


@dataclass
class _Stretch:
    """Text with its weight so far; ``None`` is a BREAK."""

    text: str | None
    position: int
    weight: float = 1.0


def weighted(text: str, field: str, column: Callable[[int], int]) -> tuple[Text, tuple[int, ...]]:
    """The pieces of ``text``, and the positions of brackets that were never closed.

    ``column`` turns a position in ``text`` into the column an error points at.

    Raises:
        PromptError: a weight that is no finite number, or more than `MAX_OPEN_BRACKETS` open brackets.
    """
    reader = _Reader(text, field, column)
    for match in _TOKEN.finditer(text):
        reader.take(match)
    return reader.finish()


class _Reader:
    """The stretches so far, and for each kind of bracket where the open ones began: (first stretch, position)."""

    def __init__(self, text: str, field: str, column: Callable[[int], int]) -> None:
        self._text = text
        self._field = field
        self._column = column
        self._stretches: list[_Stretch] = []
        self._round: list[tuple[int, int]] = []
        self._square: list[tuple[int, int]] = []

    def take(self, match: re.Match[str]) -> None:
        kind, position = match.lastgroup, match.start()
        if kind == "escaped":
            self._stretches.append(_Stretch(match["escaped"], position))
        elif kind == "open":
            self._open(self._round if match["open"] == "(" else self._square, position)
        elif kind == "weight" and self._round:
            self._multiply(self._round.pop()[0], self._number(match))
        elif kind == "close" and match["close"] == ")" and self._round:
            self._multiply(self._round.pop()[0], ROUND_FACTOR)
        elif kind == "close" and match["close"] == "]" and self._square:
            self._multiply(self._square.pop()[0], SQUARE_FACTOR)
        else:
            self._words(match[0], position)

    def finish(self) -> tuple[Text, tuple[int, ...]]:
        unclosed = tuple(position for _, position in (*self._round, *self._square))
        # A1111's order: round before square, outermost first; the order decides the last digit.
        for first, _ in self._round:
            self._multiply(first, ROUND_FACTOR)
        for first, _ in self._square:
            self._multiply(first, SQUARE_FACTOR)
        for stretch in self._stretches:
            if not math.isfinite(stretch.weight):
                self._fail("this weight is too large", stretch.position)
        return _merged(self._stretches), unclosed

    def _open(self, brackets: list[tuple[int, int]], position: int) -> None:
        if len(self._round) + len(self._square) == MAX_OPEN_BRACKETS:
            self._fail(f"more than {MAX_OPEN_BRACKETS} brackets are open; write \\( for a plain one", position)
        brackets.append((len(self._stretches), position))

    def _number(self, match: re.Match[str]) -> float:
        try:
            number = float(match["weight"])
        except ValueError:
            self._fail(f'the weight "{match["weight"][:20]}" is not a number', match.start("weight"))
        if not math.isfinite(number):
            self._fail("this weight is too large", match.start("weight"))
        return number

    def _multiply(self, first: int, factor: float) -> None:
        for stretch in self._stretches[first:]:
            stretch.weight *= factor

    def _words(self, words: str, position: int) -> None:
        # The blanks around BREAK go with it. Not one pattern with blanks on both sides: that takes quadratic time.
        parts = _BREAK.split(words)
        for index, part in enumerate(parts):
            if index > 0:
                self._stretches.append(_Stretch(None, position))
                part = part.lstrip()
            if index < len(parts) - 1:
                part = part.rstrip()
            self._stretches.append(_Stretch(part, position))

    def _fail(self, message: str, position: int) -> NoReturn:
        raise PromptError(self._field, message, self._column(position))


def _merged(stretches: list[_Stretch]) -> Text:
    """Runs of one weight as one text: where A1111 joins, words join, and the tokenizer sees them whole."""
    pieces: list[Piece] = []
    for (is_break, weight), run in groupby(
        stretches, key=lambda s: (s.text is None, 1.0 if s.text is None else s.weight)
    ):
        if is_break:
            pieces.extend(Break() for _ in run)
        elif text := "".join(stretch.text or "" for stretch in run):
            pieces.append(WeightedText(text, weight))
    return tuple(pieces) or (WeightedText(""),)
