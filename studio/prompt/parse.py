"""Reads a prompt: comments and extra networks out, sides of ``AND``, texts by step, weights.

Owns the order of these and the limits that keep a prompt from taking the machine hostage. The constructs themselves
are in ``source``, ``editing`` and ``emphasis``.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass

from studio.errors import PromptError
from studio.prompt.chunks import NO_WORDS, TokenCount, Tokenizer, Words, count_text
from studio.prompt.editing import Edited, edited
from studio.prompt.emphasis import weighted
from studio.prompt.plan import ExtraNetwork, PromptPlan, Remark, Scheduled, SubPrompt, Text
from studio.prompt.source import Source, Span, without_comments, without_extras

NEGATIVE = "negative_prompt"
MAX_SUB_PROMPTS = 32
"""Each side of ``AND`` is one more network call per step."""

_AND = re.compile(r"\bAND\b")
_HALF_CHARACTER = re.compile(r"[\ud800-\udfff]")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?|\d*\.\d+)")


def parse(text: str, field: str = "prompt", steps: int = 20) -> PromptPlan:
    """The plan of ``text`` over ``steps`` sampler steps.

    ``field`` is the recipe's field that errors name. In ``"negative_prompt"``, as in A1111, ``AND``, a trailing
    ``:weight`` and ``<lora:…>`` are plain words: there is one negative side, and adapters belong to the picture.

    Raises:
        PromptError: a weight that is no number, brackets nested over 100 deep, more than 32 sides of ``AND``, a long
            prompt that changes at almost every step, or half a surrogate pair, which no file can keep.
    """
    return _Parsing(field, steps).plan(text)


def count_tokens(
    text: str, tokenizer: Tokenizer, field: str = "prompt", steps: int = 20, words: Words = NO_WORDS
) -> TokenCount:
    """Tokens used, and the capacity of the chunks they need: of the longest text the prompt goes through."""
    return max(count_text(variant, tokenizer, words) for variant in parse(text, field, steps).variants)


@dataclass
class _Parsing:
    """One run of the parser; texts that come up again are read once."""

    field: str
    steps: int
    remarks: dict[Remark, None] = dataclasses.field(default_factory=dict)
    texts: dict[str, Text] = dataclasses.field(default_factory=dict)

    def plan(self, text: str) -> PromptPlan:
        if half := _HALF_CHARACTER.search(text):
            raise PromptError(self.field, "half a character", half.start() + 1)
        source, comments = without_comments(Source(text))
        for column in comments:
            self._remark("from # to the end of the line is a comment", column)
        extras: tuple[ExtraNetwork, ...] = ()
        if self.field == NEGATIVE:
            sides = [(source, 1.0)]
        else:
            source, extras = without_extras(source)
            sides = self._sides(source)
        parts = tuple(self._sub_prompt(side, weight) for side, weight in sides)
        return PromptPlan(parts, extras, tuple(sorted(self.remarks, key=lambda remark: remark.column)))

    def _sides(self, source: Source) -> list[tuple[Source, float]]:
        splits = [match.span() for match in _AND.finditer(source.text)]
        if len(splits) >= MAX_SUB_PROMPTS:
            column = source.column(splits[MAX_SUB_PROMPTS - 1][0])
            raise PromptError(self.field, f"more than {MAX_SUB_PROMPTS} sides of AND", column)
        edges = [0, *(edge for split in splits for edge in split), len(source.text)]
        sides = [self._side(source, span) for span in zip(edges[::2], edges[1::2], strict=True)]
        if len(sides) == 1 and sides[0][1] != 1:
            column = source.column(source.text.rindex(":"))
            self._remark("a number after a colon at the very end weighs the whole prompt", column)
        return sides

    def _side(self, source: Source, span: Span) -> tuple[Source, float]:
        """A side of ``AND`` without the weight and the blanks at its end."""
        start, end = span
        text = source.text[start:end].rstrip()
        words, colon, tail = text.rpartition(":")
        if not colon or not _NUMBER.fullmatch(tail.lstrip()):
            return source.part(start, start + len(text)), 1.0
        weight = float(tail)
        if not math.isfinite(weight):
            raise PromptError(self.field, "this weight is too large", source.column(start + len(words)))
        return source.part(start, start + len(words.rstrip())), weight

    def _sub_prompt(self, source: Source, weight: float) -> SubPrompt:
        schedule, remarks = edited(source, self.steps, self.field)
        self.remarks.update(dict.fromkeys(remarks))
        return SubPrompt(weight, tuple(Scheduled(entry.until_step, self._text(entry)) for entry in schedule))

    def _text(self, entry: Edited) -> Text:
        source = entry.source
        if source.text not in self.texts:
            self.texts[source.text], unclosed = weighted(source.text, self.field, source.column)
            for position in unclosed:
                self._remark("this bracket is never closed, so it holds to the end", source.column(position))
        return self.texts[source.text]

    def _remark(self, message: str, column: int) -> None:
        self.remarks[Remark(message, column)] = None
