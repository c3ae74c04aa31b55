"""Templates: from ``a {red|2::blue} __animals__`` to the tree of choices that is drawn from.

Owns the grammar, which is that of A1111's dynamic-prompts extension: ``{a|b}``, weights (``2::a``), how many
(``2$$``, ``1-3$$``), what stands between them (``2$$ and $$``), ``__names__`` of wildcards, and the signs ``~``, ``!``
and ``@`` for how to choose. Read here rather than by the ``dynamicprompts`` library, whose tree this is: its reader
drops comments, ``%``, ``$`` and tabs, knows no columns, and takes the bars of ``[a|b]`` for its own. All that is no
choice stays as it was typed, escapes with their backslash, so what comes out of a template is no template any more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dynamicprompts.commands import (
    Command,
    LiteralCommand,
    SequenceCommand,
    VariantCommand,
    VariantOption,
    WildcardCommand,
)

from studio.errors import PromptError

MAX_DEPTH = 30
"""Choices within choices, and wildcards that name wildcards: far beyond use, and well within Python's stack."""

MAX_WEIGHT = 1_000_000.0

_TOKEN = re.compile(
    r"""
    \\[^\#\n]                                                     # stays as it is: the prompt's reader knows escapes
    | \#[^\n]*                                                    # a comment
    | __(?P<sign>[~@!]?)(?P<name>(?!_)[\w*?./-](?:[\w *?./-]*?[\w*?./-])??)__
    | __[\w*?./-]+\((?P<parameters>[^()\n]*)\)__
    | \$\$
    | \$\{(?P<variable>)
    | [{}\[\]|]
    | [^\\\#_$\[\]{}|]+
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
_HEAD = re.compile(r"\s*(?P<sign>[~!@]?)(?:\s*(?P<least>\d*)(?P<to>-?)(?P<most>\d*)\$\$(?:(?P<between>[^${}]*)\$\$)?)?")
_WEIGHT = re.compile(r"\s*(?:(?P<weight>\d+\.?\d*|\.\d+)\s*::)?\s*")
_CONSTRUCT = re.compile(r"[{_]")


@dataclass(frozen=True)
class Choice(VariantCommand):
    """``{…}``. ``sign`` is ``@`` for each in turn, ``!`` for every combination, else empty for chance."""

    sign: str = ""


@dataclass(frozen=True)
class Wildcard(WildcardCommand):
    """``__name__``; ``column`` is where the person typed it, or what named it; ``depth`` counts files around it."""

    sign: str = ""
    column: int = 1
    depth: int = 0


@dataclass(frozen=True)
class Place:
    """What a template is read for: the field, and for a wildcard's entry the column and depth of what named it."""

    field: str = "prompt"
    column: int | None = None
    depth: int = 0
    of: str = ""

    def error(self, message: str, position: int) -> PromptError:
        """An error that points at ``position`` of what was typed, or at the wildcard it came from."""
        if self.column is None:
            return PromptError(self.field, message, position + 1)
        return PromptError(self.field, f"the wildcard {self.of!r}: {message}", self.column)


def is_template(text: str) -> bool:
    """Whether there is anything to choose in ``text``, or a bracket that looks like it."""
    return bool(_CONSTRUCT.search(text)) and any(
        match[0] == "{" or match["name"] or match["parameters"] is not None or match["variable"] is not None
        for match in _TOKEN.finditer(text)
    )


def read_template(text: str, place: Place) -> Command:
    """The tree of choices of ``text``.

    Raises:
        PromptError: a ``{`` that is never closed, a number of choices or weight that cannot be, or choices too deep.
    """
    tokens = list(_TOKEN.finditer(text))
    return _Reader(text, tokens, _partners(tokens, place), place).read()


def _partners(tokens: list[re.Match[str]], place: Place) -> dict[int, int]:
    """Which token closes each ``{`` and each ``[`` within it; a square bracket without one is a plain character."""
    open_: list[int] = []
    found: dict[int, int] = {}
    for number, token in enumerate(tokens):
        if token[0] in ("{", "["):
            open_.append(number)
        elif token[0] == "]" and open_ and tokens[open_[-1]][0] == "[":
            found[open_.pop()] = number
        elif token[0] == "}" and any(tokens[one][0] == "{" for one in open_):
            while tokens[open_[-1]][0] == "[":
                open_.pop()
            found[open_.pop()] = number
    unclosed = [tokens[one].start() for one in open_ if tokens[one][0] == "{"]
    if unclosed:
        raise place.error("this { is never closed; write \\{ for a plain one", unclosed[0])
    return found


class _Reader:
    """Goes through the tokens once; each choice is read by a call of its own, at most `MAX_DEPTH` deep."""

    def __init__(self, text: str, tokens: list[re.Match[str]], partners: dict[int, int], place: Place) -> None:
        self._text, self._tokens, self._partners, self._place = text, tokens, partners, place
        self._depth = 0

    def read(self) -> Command:
        return self._sequence(0, len(self._tokens), 0)

    def _sequence(self, first: int, end: int, skipped: int) -> Command:
        """The tokens from ``first`` to ``end``, without the first ``skipped`` characters."""
        parts: list[Command] = []
        literal = ""
        number = first
        while number < end:
            token = self._tokens[number]
            made = self._made(token, number)
            if made is None:
                literal += token[0]
            else:
                parts += [LiteralCommand(literal[skipped:]), made] if literal[skipped:] else [made]
                literal, skipped = "", 0
            number = self._partners[number] + 1 if token[0] == "{" else number + 1
        if literal[skipped:] or not parts:
            parts.append(LiteralCommand(literal[skipped:]))
        return parts[0] if len(parts) == 1 else SequenceCommand(parts)

    def _made(self, token: re.Match[str], number: int) -> Command | None:
        if token["parameters"] is not None:
            raise self._place.error("wildcards take no parameters here", token.start())
        if token["variable"] is not None:
            raise self._place.error("there are no variables here; write \\$ for a plain dollar sign", token.start())
        if token["name"]:
            column = self._place.column or token.start() + 1
            return Wildcard(
                token["name"], sign=token["sign"].strip("~"), column=column, depth=self._place.depth + self._depth
            )
        return self._choice(number) if token[0] == "{" else None

    def _choice(self, opener: int) -> Command:
        self._depth += 1
        if self._depth + self._place.depth > MAX_DEPTH:
            raise self._place.error(f"more than {MAX_DEPTH} choices within each other", self._tokens[opener].start())
        start, closer = self._tokens[opener].end(), self._partners[opener]
        head = _HEAD.match(self._text, start)
        assert head is not None  # it matches nothing, too
        options = [
            self._option(first, end, max(0, head.end() - self._start(first)))
            for first, end in self._options(opener + 1, closer, head.end())
        ]
        if len(options) > 1 and not any(option.weight for option in options):
            raise self._place.error("every option has the weight 0", self._tokens[opener].start())
        least, most = self._bounds(head, len(options), opener)
        self._depth -= 1
        between = head["between"] if head["between"] is not None else ","
        return Choice(options, least, most, between, sign=head["sign"].strip("~"))

    def _options(self, first: int, closer: int, from_: int) -> list[tuple[int, int]]:
        """The runs of tokens between the bars of this level; bars before ``from_`` belong to the separator."""
        found = []
        number = first
        while number < closer:
            token = self._tokens[number]
            if token[0] == "|" and token.start() >= from_:
                found.append((first, number))
                first = number + 1
            number = self._partners.get(number, number) + 1
        return [*found, (first, closer)]

    def _option(self, first: int, end: int, skipped: int) -> VariantOption:
        start = self._start(first) + skipped
        weight = _WEIGHT.match(self._text, start, self._start(end))
        assert weight is not None  # it matches nothing, too
        number = float(weight["weight"]) if weight["weight"] else 1.0
        if number > MAX_WEIGHT:
            raise self._place.error(f"the weight of an option is at most {MAX_WEIGHT:g}", weight.start("weight"))
        # the head and the weight may reach over several tokens; those they cover are left out
        cut = weight.end()
        while first < end and self._tokens[first].end() <= cut:
            first += 1
        return VariantOption(self._sequence(first, end, max(0, cut - self._start(first))), number)

    def _bounds(self, head: re.Match[str], options: int, opener: int) -> tuple[int, int]:
        if head["least"] is None:
            return 1, 1
        if not head["least"] and not head["most"]:
            raise self._place.error("how many? A number stands before $$, such as 2$$ or 1-3$$", self._start(opener))
        if len(head["least"] + head["most"]) > 6:
            raise self._place.error("nobody has so many options", self._start(opener))
        least = int(head["least"] or 1)
        most = int(head["most"]) if head["most"] else options if head["to"] else least
        return min(least, most), max(least, most)

    def _start(self, number: int) -> int:
        return self._tokens[number].start() if number < len(self._tokens) else len(self._text)
