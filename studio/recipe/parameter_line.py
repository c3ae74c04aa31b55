"""The last line of A1111's infotext: ``Key: value, Key: value, …``.

Owns quoting, and finding the pairs again in time linear in the line, whatever was pasted. It refuses to know what any
key means. Source: the files A1111 1.10 writes, and what its "read generation parameters" button makes of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

LEAST_PAIRS = 3
"""A last line with fewer pairs belongs to the prompt."""

_KEY = re.compile(r"[ \-/]*(\w[\w \-/]+)")
_NOT_IN_KEY = re.compile(r"[^\w \-/]")
_VALUE = re.compile(r'\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')


def joined(pairs: Iterable[tuple[str, str]]) -> str:
    """The line that holds ``pairs`` in this order."""
    return ", ".join(f"{key}: {quoted(value)}" for key, value in pairs)


def quoted(value: str) -> str:
    """``value`` as it stands in the line.

    A1111 makes a JSON string of what holds a comma, a colon or a newline. So do we of what its own reader would
    change otherwise: nothing at all, blanks at the ends, a quotation mark at the start.
    """
    if value == value.strip() and value[:1] not in ("", '"') and not any(mark in value for mark in ",:\n"):
        return value
    return json.dumps(value, ensure_ascii=False)


def unquoted(value: str) -> str:
    """The value that ``quoted`` was given; what is not a proper JSON string stays as it is."""
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value


def number_text(value: float) -> str:
    """The shortest text that reads back as the same number."""
    return str(int(value)) if float(value).is_integer() else repr(value)


def can_be_key(key: str) -> bool:
    """Whether ``key`` can be read back from the line."""
    match = _KEY.fullmatch(key)
    return match is not None and match[1] == key and key == key.strip()


def pairs_in(line: str) -> list[tuple[str, str]]:
    """The pairs of a line, values unquoted, in order.

    A pair is a word character and one or more of word characters, blanks, ``-`` and ``/``, a colon, and either a
    string in double quotes or whatever comes before the next comma. Text between pairs is skipped.
    """
    found: list[tuple[str, str]] = []
    key_from = position = 0
    while stop := _NOT_IN_KEY.search(line, position):
        position = stop.end()
        key = _KEY.fullmatch(line, key_from, stop.start()) if stop[0] == ":" else None
        value = _VALUE.match(line, stop.end()) if key else None
        if key and value:
            found.append((key[1].rstrip(), unquoted(value[1])))
            position = value.end()
        key_from = position
    return found
