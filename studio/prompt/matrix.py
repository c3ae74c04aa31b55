"""A1111's prompt matrix: ``a city|in rain|at night`` as every combination of its parts.

The first part is in every picture; each of the others is in half of them. Bars within brackets of any kind and escaped
ones part nothing, so a matrix may hold ``[a|b]`` and ``{a|b}``. Source: AUTOMATIC1111's wiki, "Prompt matrix".
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\\.|[(\[{<>}\])|]|[^\\()\[\]{}<>|]+|\\", re.DOTALL)
_CLOSERS = {"(": ")", "[": "]", "{": "}", "<": ">"}


def parts_of(text: str) -> list[str]:
    """The parts between bars, without the blanks at their ends; empty ones are left out, except the first."""
    parts = [""]
    open_: list[str] = []
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token == "|" and not open_:
            parts.append("")
            continue
        if token in _CLOSERS and text.find(_CLOSERS[token], match.end()) >= 0:
            open_.append(_CLOSERS[token])
        elif open_ and token == open_[-1]:
            open_.pop()
        parts[-1] += token
    first, *others = (part.strip() for part in parts)
    return [first, *(part for part in others if part)]


def combinations(text: str) -> list[str]:
    """Every combination, in A1111's order: the second part changes with every one, the last one halfway."""
    first, *others = parts_of(text)
    return [
        ", ".join(part for part in (first, *(one for bit, one in enumerate(others) if number >> bit & 1)) if part)
        for number in range(2 ** len(others))
    ]
