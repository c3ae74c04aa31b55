"""Search in prompts: what a person types becomes a condition on images.

Several words must all occur, in any order; a word also finds what begins with it; quotes keep a phrase together, word
for word. SQLite's full-text index answers; anything it cannot split into words (Chinese, Japanese, Thai, emoji) is
looked for letter by letter, and so is everything on a database without the index.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, text

from studio.errors import InvalidField
from studio.store.tables import ImageRow

MAX_QUERY_CHARACTERS = 1000
_TERM = re.compile(r'"([^"]*)"?|([^\s"]+)')
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]"
)
"""Scripts without spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese; Korean joins its particles."""


@dataclass(frozen=True)
class Term:
    """One thing that must occur: a word (or its beginning), or a phrase word for word."""

    text: str
    is_phrase: bool

    @property
    def has_words(self) -> bool:
        """Whether the full-text index can split it into words as a reader would."""
        return any(letter.isalnum() for letter in self.text) and not _UNSPACED.search(self.text)


def terms(query: str) -> tuple[Term, ...]:
    """The terms of a query; a quote that is never closed reaches to the end.

    Raises:
        InvalidField: the query is too long.
    """
    if len(query) > MAX_QUERY_CHARACTERS:
        raise InvalidField("query", f"{len(query):,} characters are too many", f"up to {MAX_QUERY_CHARACTERS:,}")
    # half a surrogate pair cannot be stored, so no prompt holds one; NUL would end the text inside SQLite
    clean = query.encode("utf-8", "ignore").decode("utf-8").replace("\0", " ")
    found = (Term(phrase.strip() or word, not word) for phrase, word in _TERM.findall(clean))
    return tuple(term for term in found if term.text)


def matching(query: str, dialect: str) -> ColumnElement[bool] | None:
    """The condition that an image's prompt matches ``query``; ``None`` for a query without terms.

    Raises:
        InvalidField: the query is too long.
    """
    asked = terms(query)
    indexed = [term for term in asked if term.has_words and dialect == "sqlite"]
    conditions: list[ColumnElement[bool]] = [
        ImageRow.prompt.icontains(term.text, autoescape=True) for term in asked if term not in indexed
    ]
    if indexed:
        found = text("images.number IN (SELECT rowid FROM image_search WHERE image_search MATCH :expression)")
        conditions.append(found.bindparams(expression=expression("prompt", indexed)))  # type: ignore[arg-type]
    return and_(*conditions) if conditions else None


def expression(column: str, terms: Sequence[Term]) -> str:
    """FTS5 syntax for terms that must all occur in a column, with every term as a string, the one form in which no
    character has a meaning: https://sqlite.org/fts5.html section 3.1."""
    strings = ('"' + term.text.replace('"', '""') + '"' + ("" if term.is_phrase else "*") for term in terms)
    return f"({column} : ({' AND '.join(strings)}))"
