"""The search language: ``sampler:"Euler a" steps>20 fav:yes -dog cat`` becomes a tuple of `Clause`.

It only reads: which rows a clause means is up to `conditions`. Only the fields named here have a meaning, so a piece
of a prompt can be pasted as it is; a field that was nearly written right is refused instead of being looked for.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from datetime import date

from studio.errors import InvalidField, SearchError

MAX_SEARCH_CHARACTERS = 1000
MAX_NUMBER = (1 << 63) - 1
"""The largest that the database's columns hold."""

TEXTS = ("sampler", "model", "tag", "album", "negative")
NUMBERS = ("steps", "seed", "size", "width", "height")
FIELDS = (*TEXTS, *NUMBERS, "date", "fav")
SIGNS = (">=", "<=", ">", "<", ":", "=")
NEARLY = 0.8
"""How alike a word before a colon must be to a field's name to be taken for one that was mistyped."""

_TERM = re.compile(
    r"(?P<minus>-?)(?:(?P<field>[A-Za-z]+)(?P<sign>>=|<=|>|<|:|=))?"
    r'(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]*))'
)
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_SIDES = re.compile(r"(\d+)\s*[x×]\s*(\d+)")
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?")


@dataclass(frozen=True)
class Clause:
    """One thing asked for. ``field`` is a name of `FIELDS`, or ``prompt`` for words.

    ``value`` is a text, whole numbers as (least, most), sides as (width, height) in pixels, days as (first, day after
    the last), or whether. ``is_phrase``: it stood in quotes. ``is_excluded``: what it says must not be so.
    """

    field: str
    sign: str
    value: str | bool | tuple[int, int] | tuple[date, date | None]
    is_phrase: bool = False
    is_excluded: bool = False


def parse(search: str) -> tuple[Clause, ...]:
    """The clauses of a search; all must be so. A quote that is never closed reaches to the end.

    Raises:
        SearchError: a field's value that means nothing, or a mistyped field; says where and what is allowed.
        InvalidField: it is too long.
    """
    if len(search) > MAX_SEARCH_CHARACTERS:
        raise InvalidField("search", f"{len(search):,} characters are too many", f"up to {MAX_SEARCH_CHARACTERS:,}")
    clauses = []
    at = 0
    # half a surrogate pair cannot be stored, so no prompt holds one; NUL would end the text inside SQLite
    clean = search.encode("utf-8", "replace").decode("utf-8").replace("\0", " ")
    while at < len(clean):
        if clean[at].isspace():
            at += 1
            continue
        found = _TERM.match(clean, at)
        if found is None or found.end() == at:
            at += 1
            continue
        clause = _clause(found)
        if clause is not None:
            clauses.append(clause)
        at = found.end()
    return tuple(clauses)


def _clause(found: re.Match[str]) -> Clause | None:
    name, sign, excluded = (found["field"] or "").lower(), found["sign"], bool(found["minus"])
    phrase = found["phrase"]
    text = (found["word"] if phrase is None else phrase).strip()
    if name not in FIELDS:
        _refuse_mistyped(found, name, sign)
        whole = text if not name else f"{found['field']}{sign}{text}"
        return Clause("prompt", ":", whole, phrase is not None and not name, excluded) if whole else None
    column = found.start("field") + 1
    if not text:
        raise SearchError(f"{name} has no value", _example(name), column)
    if name in TEXTS:
        if sign not in (":", "="):
            raise SearchError(f"{name} is a text and cannot be compared with {sign}", _example(name), column)
        return Clause(name, ":", text, phrase is not None or sign == "=", excluded)
    if name == "fav":
        return Clause(name, ":", _yes_or_no(text, sign, column), False, excluded)
    value = _days(text, sign, column) if name == "date" else _numbers(name, text, column)
    is_pair = name == "size" and _SIDES.fullmatch(text) is not None
    if is_pair and sign not in (":", "="):
        raise SearchError("two sides cannot be compared", "size:512x768, or size>=512 for the longer side", column)
    return Clause("sides" if is_pair else name, ":" if sign == "=" else sign, value, False, excluded)


def _refuse_mistyped(found: re.Match[str], name: str, sign: str | None) -> None:
    near = difflib.get_close_matches(name, FIELDS, 1, NEARLY) if sign else []
    if near:
        words = f"there is no field {name!r}; did you mean {near[0]}?"
        allowed = f"{', '.join(FIELDS)}; in quotes it is looked for in prompts"
        raise SearchError(words, allowed, found.start("field") + 1)


def _numbers(name: str, text: str, column: int) -> tuple[int, int]:
    """Least and most of a value; one number is both."""
    pair = _RANGE.fullmatch(text) or (_SIDES.fullmatch(text) if name == "size" else None)
    if pair is not None:
        return _whole(pair[1], name, column), _whole(pair[2], name, column)
    number = _whole(text, name, column)
    return number, number


def _whole(text: str, name: str, column: int) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > MAX_NUMBER:
        raise SearchError(f"{name} needs a whole number, not {text[:40]!r},", _example(name), column)
    return int(text)


def _days(text: str, sign: str, column: int) -> tuple[date, date | None]:
    """The first day of a year, month or day, and the day after its last."""
    found = _DATE.fullmatch(text)
    allowed = "a year, month or day: date>2026, date:2026-03, date<=2026-03-14"
    if found is None:
        raise SearchError(f"{text[:40]!r} is no date", allowed, column)
    year, month, day = (None if part is None else int(part) for part in found.groups())
    assert year is not None
    try:
        first = date(year, month or 1, day or 1)
    except ValueError:
        raise SearchError(f"{text[:40]!r} is no day of the calendar", allowed, column) from None
    try:
        if day is not None:
            return first, date.fromordinal(first.toordinal() + 1)
        return first, date(year + 1, 1, 1) if month in (None, 12) else date(year, (month or 0) + 1, 1)
    except ValueError:
        return first, None  # the end of the calendar


def _yes_or_no(text: str, sign: str, column: int) -> bool:
    known = {"yes": True, "y": True, "true": True, "1": True, "no": False, "n": False, "false": False, "0": False}
    if sign not in (":", "=") or text.lower() not in known:
        raise SearchError(f"fav{sign}{text[:40]} means nothing", "fav:yes or fav:no", column)
    return known[text.lower()]


def _example(name: str) -> str:
    texts = {"sampler": '"Euler a"', "model": "starter", "tag": "sky", "album": '"best of"', "negative": "blurry"}
    if name in TEXTS:
        return f"{name}:{texts[name]}"
    if name == "fav":
        return "fav:yes or fav:no"
    return f"{name}:512, {name}>=512, {name}:512..768" + (", size:512x768" if name == "size" else "")
