"""The typed text, with things cut out of it, that still knows where each character stood.

Owns ``Source`` and what is cut out before anything else is read: ``#`` comments and ``<kind:…>`` extra networks.
Errors are raised deep inside the language but must point at what the person typed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from studio.prompt.plan import ExtraNetwork

Span = tuple[int, int]
"""Start and end of a stretch of text."""

# A1111 since 1.7: "#" hides the rest of the line (setting "Enable comments", on by default). The newline stays.
_COMMENT = re.compile(r"#[^\n]*")

# A1111, extra networks: a word, a colon, anything up to ">".
_EXTRA_NETWORK = re.compile(r"<(\w+):([^>]+)>")


@dataclass(frozen=True)
class Source:
    """``text``, and the runs it is made of: (position in ``text``, position in what was typed), in order."""

    text: str
    runs: tuple[Span, ...] = ((0, 0),)

    def column(self, position: int) -> int:
        """The column, from 1, at which the character at ``position`` was typed."""
        here, typed = self.runs[self._runs_up_to(position) - 1]
        return typed + position - here + 1

    def part(self, start: int, end: int) -> Source:
        """The characters from ``start`` up to ``end``."""
        return self.joined([(start, end)])

    def joined(self, spans: Iterable[Span]) -> Source:
        """The characters of ``spans``, one after the other."""
        kept = [(start, end) for start, end in spans if end > start]
        runs: list[Span] = []
        length = 0
        for start, end in kept:
            runs.append((length, self.column(start) - 1))
            for here, typed in self.runs[self._runs_up_to(start) :]:
                if here >= end:
                    break
                runs.append((length + here - start, typed))
            length += end - start
        return Source("".join(self.text[start:end] for start, end in kept), tuple(runs) or ((0, 0),))

    def without(self, spans: Sequence[Span]) -> Source:
        """All but ``spans``, which are in order and do not overlap."""
        edges = [0, *(edge for span in spans for edge in span), len(self.text)]
        return self.joined(zip(edges[::2], edges[1::2], strict=True))

    def _runs_up_to(self, position: int) -> int:
        return bisect_right(self.runs, position, key=lambda run: run[0])


def without_comments(source: Source) -> tuple[Source, tuple[int, ...]]:
    """The text without its ``#`` comments, and the columns at which they stood."""
    spans = [match.span() for match in _COMMENT.finditer(source.text)]
    return source.without(spans), tuple(source.column(start) for start, _ in spans)


def without_extras(source: Source) -> tuple[Source, tuple[ExtraNetwork, ...]]:
    """The text without ``<kind:argument:…>``, and what was taken out."""
    # Nothing can end behind the last ">": without this bound a row of "<a:" takes quadratic time.
    matches = list(_EXTRA_NETWORK.finditer(source.text, 0, source.text.rfind(">") + 1))
    extras = tuple(
        ExtraNetwork(match[1], tuple(match[2].split(":")), source.column(match.start())) for match in matches
    )
    return source.without([match.span() for match in matches]), extras
