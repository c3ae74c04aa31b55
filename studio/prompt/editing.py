"""Prompt editing and alternation: which text is in force until which step.

Owns ``[from:to:when]``, ``[to:when]``, ``[from::when]`` and ``[a|b|…]``, which may nest in each other and in brackets
of emphasis. What comes out is plain text per step, emphasis still in it. Whatever is not a complete construct is
left as it stands, and its brackets mean what emphasis says. Source: AUTOMATIC1111's wiki, "Prompt editing" and
"Alternating words", and its observed answers (version 1.10).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from math import lcm

from studio.errors import PromptError
from studio.prompt.emphasis import MAX_OPEN_BRACKETS
from studio.prompt.plan import Remark
from studio.prompt.source import Source, Span

MAX_VARIANT_CHARACTERS = 400_000
"""Over all the texts one prompt goes through: twenty of the longest, or a thousand of ordinary length."""

_TOKEN = re.compile(r"\\.|[\[\]():|]|[^\\\[\]():|]+|\\")
_WHEN = re.compile(r"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*")
_OPENER_OF = {")": "(", "]": "["}


@dataclass(frozen=True)
class _Edit:
    """``before`` up to and including step ``when``, then ``after``."""

    before: list[_Item]
    after: list[_Item]
    when: int


@dataclass(frozen=True)
class _Alternation:
    """One option after the other, a step each, over and over."""

    options: list[list[_Item]]


_Item = Span | _Edit | _Alternation


@dataclass
class _Frame:
    """An open bracket, what stands in it so far, and which of that are separators."""

    opener: str
    position: int
    items: list[_Item] = field(default_factory=list)
    separators: list[tuple[int, str]] = field(default_factory=list)

    def segments(self) -> list[list[_Item]]:
        edges = [-1, *(index for index, _ in self.separators), len(self.items)]
        return [self.items[left + 1 : right] for left, right in pairwise(edges)]


@dataclass(frozen=True)
class Edited:
    """One text of a schedule: in force up to and including ``until_step``."""

    until_step: int
    source: Source


def edited(source: Source, steps: int, field_name: str) -> tuple[tuple[Edited, ...], tuple[Remark, ...]]:
    """The texts that ``source`` goes through in ``steps`` steps, in order; equal neighbours are one.

    Raises:
        PromptError: brackets too deep, or more different texts than can be encoded.
    """
    reader = _Reader(source, steps, field_name)
    for match in _TOKEN.finditer(source.text):
        reader.take(match[0], match.start())
    items = reader.finish()
    return tuple(_schedule(source, items, steps, field_name)), tuple(reader.remarks)


class _Reader:
    """Open brackets as an explicit stack: no prompt can overflow Python's own."""

    def __init__(self, source: Source, steps: int, field_name: str) -> None:
        self._source = source
        self._steps = steps
        self._field_name = field_name
        self._items: list[_Item] = []
        self._frames: list[_Frame] = []
        self.remarks: list[Remark] = []

    def take(self, token: str, position: int) -> None:
        span = (position, position + len(token))
        top = self._frames[-1] if self._frames else None
        if token in ("(", "["):
            self._open(token, position)
        elif token in _OPENER_OF:
            self._close(token, span)
        elif top is not None and (token == ":" or (token == "|" and top.opener == "[")):
            top.separators.append((len(top.items), token))
            top.items.append(span)
        else:
            _append(top.items if top else self._items, span, joins=not top or not _ends_in_separator(top))

    def finish(self) -> list[_Item]:
        self._give_up()
        return self._items

    def _open(self, token: str, position: int) -> None:
        if len(self._frames) == MAX_OPEN_BRACKETS:
            raise PromptError(
                self._field_name,
                f"more than {MAX_OPEN_BRACKETS} brackets are open; write \\( for a plain one",
                self._source.column(position),
            )
        self._frames.append(_Frame(token, position))

    def _close(self, token: str, span: Span) -> None:
        frame = self._frames[-1] if self._frames else None
        closed = None
        if frame is not None and frame.opener == _OPENER_OF[token]:
            closed = self._construct(frame, span)
        if frame is None or closed is None:
            # A bracket without its partner is plain text, and A1111 has no plain brackets inside a construct:
            # so nothing that is open around it can be one.
            self._give_up()
            _append(self._items, span)
            return
        self._frames.pop()
        parent = self._frames[-1].items if self._frames else self._items
        joins = not self._frames or not _ends_in_separator(self._frames[-1])
        for item in closed:
            _append(parent, item, joins)
            joins = True

    def _construct(self, frame: _Frame, end: Span) -> list[_Item] | None:
        """What a closed bracket means; None when it is no construct of the language."""
        marks = "".join(mark for _, mark in frame.separators)
        if not marks or (frame.opener == "(" and marks == ":"):
            return [(frame.position, frame.position + 1), *frame.items, end]
        if frame.opener == "[" and not marks.strip("|"):
            return [_Alternation(frame.segments())]
        if frame.opener == "[" and marks in (":", "::"):
            *texts, when = frame.segments()
            step = self._when(when, frame)
            return None if step is None else [_Edit(texts[0] if len(texts) == 2 else [], texts[-1], step)]
        return None

    def _when(self, items: list[_Item], frame: _Frame) -> int | None:
        text = "".join(self._source.text[slice(*item)] for item in items if isinstance(item, tuple))
        match = _WHEN.fullmatch(text) if all(isinstance(item, tuple) for item in items) else None
        if match is None:
            self._remark("no step stands at the end, so this is not prompt editing but weaker emphasis", frame)
            return None
        number = float(match[1])
        if "." in match[1]:
            # Never, rather than late: mostly a weight in the wrong brackets.
            if number > 1:
                self._remark(
                    f"the change comes after the last step: [x:{match[1]}] is no weight, (x:{match[1]}) is", frame
                )
            number *= self._steps
        return int(min(max(number, 0), self._steps))

    def _give_up(self) -> None:
        for frame in self._frames:
            _append(self._items, (frame.position, frame.position + 1))
            for item in frame.items:
                _append(self._items, item)
        self._frames.clear()

    def _remark(self, message: str, frame: _Frame) -> None:
        self.remarks.append(Remark(message, self._source.column(frame.position)))


def _append(items: list[_Item], item: _Item, joins: bool = True) -> None:
    last = items[-1] if items else None
    if joins and isinstance(item, tuple) and isinstance(last, tuple) and last[1] == item[0]:
        items[-1] = (last[0], item[1])
    else:
        items.append(item)


def _ends_in_separator(frame: _Frame) -> bool:
    return bool(frame.separators) and frame.separators[-1][0] == len(frame.items) - 1


def _schedule(source: Source, items: list[_Item], steps: int, field_name: str) -> Iterator[Edited]:
    edits = sorted({item.when for item in _constructs(items) if isinstance(item, _Edit)})
    options = [len(item.options) for item in _constructs(items) if isinstance(item, _Alternation)]
    period = lcm(*options)
    seen: dict[tuple[int, int], Source] = {}
    characters = 0
    held: Edited | None = None
    for until_step in range(1, steps + 1) if options else sorted({*edits, steps} - {0}):
        # The same turn of every alternation between the same two edits is the same text.
        state = (until_step % period, bisect_left(edits, until_step))
        if state not in seen:
            seen[state] = source.joined(_in_force(items, until_step))
            characters += len(seen[state].text)
        if characters > MAX_VARIANT_CHARACTERS:
            raise PromptError(field_name, "the prompt is too long to change this often", source.column(0))
        if held is not None and held.source.text != seen[state].text:
            yield held
        held = Edited(until_step, seen[state])
    if held is not None:
        yield held


def _constructs(items: list[_Item]) -> Iterator[_Edit | _Alternation]:
    """All constructs, inner ones too. Recursion is bounded by `MAX_OPEN_BRACKETS`."""
    for item in items:
        if isinstance(item, _Edit):
            yield item
            yield from _constructs(item.before)
            yield from _constructs(item.after)
        elif isinstance(item, _Alternation):
            yield item
            for option in item.options:
                yield from _constructs(option)


def _in_force(items: list[_Item], step: int) -> Iterator[Span]:
    for item in items:
        if isinstance(item, _Edit):
            yield from _in_force(item.before if step <= item.when else item.after, step)
        elif isinstance(item, _Alternation):
            yield from _in_force(item.options[(step - 1) % len(item.options)], step)
        else:
            yield item
