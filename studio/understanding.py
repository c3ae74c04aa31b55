"""How a prompt is understood, for showing: chunks, weights, what is edited when, LoRAs, and what is wrong where.

It answers instead of raising: whoever is still typing wants to see what has been understood so far.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from studio.adapters import adapters_of
from studio.errors import InvalidField, PromptError, StudioError
from studio.library.card import ModelCard
from studio.library.facts import facts_of
from studio.prompt import NO_WORDS, PromptPlan, SubPrompt, Words, count_tokens, parse
from studio.prompt.extents import ChunkWords, SpanTokenizer, chunk_words, extent
from studio.prompt.plan import ExtraNetwork, Text, WeightedText
from studio.prompt.template import is_template
from studio.prompt.tokenizer import FileTokenizer
from studio.prompt.unfold import unfold
from studio.prompts import Prompts
from studio.recipe.limits import MAX_PROMPT_CHARACTERS

MAX_STAGES = 60
"""Of one part: an alternation changes with every step, and its first turns tell all."""


@dataclass(frozen=True)
class Mark:
    """A sentence about the characters from ``start`` to ``end`` of what was typed; both None where it is about what a
    template became. ``kind`` is ``problem`` or ``remark``.
    """

    kind: str
    message: str
    start: int | None = None
    end: int | None = None


@dataclass
class Understanding:
    """A prompt as it was understood. ``text`` is what was read: of a template, what it becomes with ``seed``."""

    text: str
    seed: int
    steps: int
    template: bool = False
    tokens: tuple[int, int] | None = None
    parts: list[dict[str, Any]] = field(default_factory=list)
    loras: list[dict[str, Any]] = field(default_factory=list)
    embeddings: list[str] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "text": self.text,
            "seed": self.seed,
            "steps": self.steps,
            "template": self.template,
            "tokens": {"used": self.tokens[0], "capacity": self.tokens[1]} if self.tokens else None,
            "parts": self.parts,
            "loras": self.loras,
            "embeddings": self.embeddings,
            "marks": [vars(mark) for mark in self.marks],
        }


def understand(
    prompts: Prompts,
    text: str,
    field: str = "prompt",
    checkpoint: str = "auto",
    steps: int | None = None,
    seed: int = 0,
) -> Understanding:
    """How ``text`` is understood as the prompt ``field`` for a checkpoint, over its own steps if none are said.

    Raises:
        InvalidField: a text longer than any prompt.
    """
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise InvalidField(
            field, f"{len(text):,} characters are too many", f"up to {MAX_PROMPT_CHARACTERS:,} characters"
        )
    return _Reading(prompts, text, field, checkpoint, steps, seed).read()


class _Reading:
    """One reading. What is wrong with the checkpoint is said elsewhere: here it only leaves the token counts out."""

    def __init__(self, prompts: Prompts, text: str, field: str, checkpoint: str, steps: int | None, seed: int) -> None:
        self._prompts, self._typed, self._field = prompts, text, field
        self._card: ModelCard | None = None
        try:
            self._card = prompts.library.find(checkpoint, hashed=False)
            default_steps = facts_of(self._card).default_steps
        except StudioError:
            default_steps = 20
        self._found = Understanding(text, seed, steps or default_steps, is_template(text))

    def read(self) -> Understanding:
        try:
            self._found.text = unfold(self._typed, self._found.seed, self._prompts.wildcards.snapshot(), self._field)
            plan = parse(self._found.text, self._field, self._found.steps)
        except PromptError as error:
            self._mark("problem", error.plain_message, error.column)
            return self._found
        except InvalidField as error:
            self._found.marks.append(Mark("problem", error.message[:1].upper() + error.message[1:]))
            return self._found
        for remark in plan.remarks:
            self._mark("remark", remark.message, remark.column)
        self._loras(plan.extras)
        self._words(plan)
        return self._found

    def _words(self, plan: PromptPlan) -> None:
        card = self._card
        vocabulary = self._prompts.vocabulary(card) if card else None
        if card is None or card.tokenizer_dir is None or vocabulary is None:
            self._found.parts = [_part(part, self._found.steps, None, NO_WORDS) for part in plan.parts]
            return
        tokenizer = FileTokenizer.cached(card.tokenizer_dir)
        words = vocabulary.words
        self._found.parts = [_part(part, self._found.steps, tokenizer, words) for part in plan.parts]
        count = count_tokens(self._found.text, tokenizer, self._field, self._found.steps, words)
        self._found.tokens = (count.used, count.capacity)
        self._found.embeddings = vocabulary.names_in(plan)

    def _loras(self, extras: tuple[ExtraNetwork, ...]) -> None:
        for extra in extras:
            name = extra.arguments[0].strip() if extra.arguments else ""
            said: dict[str, Any] = {"name": name, "unet_weight": None, "text_weight": None, "problem": None}
            try:
                family = self._card.family if self._card else "unknown"
                worn = adapters_of((extra,), self._field, family, self._prompts.library)[0]
                said |= {"name": worn.name, "unet_weight": worn.unet_weight, "text_weight": worn.text_weight}
            except PromptError as error:
                said["problem"] = error.plain_message
                self._mark("problem", error.plain_message, error.column)
            except StudioError as error:
                said["problem"] = str(error)
                self._mark("problem", str(error), extra.column)
            self._found.loras.append(said)

    def _mark(self, kind: str, message: str, column: int) -> None:
        sentence = message[:1].upper() + message[1:]
        start, end = extent(self._found.text, column)
        words = self._found.text[start:end]
        if self._found.text == self._typed:
            self._found.marks.append(Mark(kind, sentence, start, end))
        elif words.strip() and self._typed.count(words) == 1:
            start = self._typed.index(words)
            self._found.marks.append(Mark(kind, sentence, start, start + len(words)))
        else:
            self._found.marks.append(Mark(kind, sentence))


def _part(part: SubPrompt, steps: int, tokenizer: SpanTokenizer | None, words: Words) -> dict[str, Any]:
    """A side of ``AND``: its weight, and what it says in which steps, counted from 1."""
    stages = []
    first = 1
    for entry in part.schedule:
        last = min(entry.until_step + 1, steps)
        if last >= first:
            stages.append(
                {"first_step": first, "last_step": last, "chunks": list(_chunks(entry.text, tokenizer, words))}
            )
        first = last + 1
        if len(stages) == MAX_STAGES:
            break
    return {"weight": part.weight, "stages": stages, "shown_until_step": min(first - 1, steps)}


def _chunks(text: Text, tokenizer: SpanTokenizer | None, words: Words) -> Iterator[dict[str, Any]]:
    if tokenizer is None:
        pieces = tuple(piece for piece in text if isinstance(piece, WeightedText))
        found: tuple[ChunkWords, ...] = (ChunkWords(pieces, 0),)
    else:
        found = chunk_words(text, tokenizer, words)
    for chunk in found:
        pieces_said = [{"text": piece.text, "weight": round(piece.weight, 4)} for piece in chunk.pieces]
        yield {"used": chunk.used, "pieces": pieces_said}
