"""What a prompt means once it is read: which texts, with which weights, at which step.

Owns the plan's types, all frozen, hashable and free of tensors. It refuses to read text (``parse``) and to count
tokens (``chunks``).

    PromptPlan                      the whole prompt
    ├── parts: SubPrompt ...        one per side of ``AND``, with its share of the guidance
    │   └── schedule: Scheduled ... what it says until which step (prompt editing, alternation)
    │       └── text: Text          a tuple of WeightedText and Break: one thing to encode
    ├── extras: ExtraNetwork ...    ``<lora:name:0.8>`` and its like, taken out of the text
    └── remarks: Remark ...         what was read otherwise than it may have been meant
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class WeightedText:
    """A stretch of text and the factor on the embeddings of its tokens."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True)
class Break:
    """``BREAK``: the chunk of 75 tokens ends here, padded."""


Piece = WeightedText | Break
Text = tuple[Piece, ...]
"""One thing to encode: never empty, equal texts compare and hash equal."""


@dataclass(frozen=True)
class Scheduled:
    """``text`` is in force up to and including step ``until_step``."""

    until_step: int
    text: Text


@dataclass(frozen=True)
class SubPrompt:
    """One side of ``AND``. ``schedule`` is ordered by ``until_step`` and its last entry reaches the last step."""

    weight: float
    schedule: tuple[Scheduled, ...]

    def at(self, step: int) -> Text:
        """The text in force at ``step``, counted from 0."""
        for entry in self.schedule:
            if step <= entry.until_step:
                return entry.text
        return self.schedule[-1].text


@dataclass(frozen=True)
class WeightedCondition:
    """One conditioning of one step: the text to use, and its factor on the guidance."""

    text: Text
    weight: float


@dataclass(frozen=True)
class ExtraNetwork:
    """``<kind:argument:…>`` taken out of a prompt; ``column`` counts characters from 1."""

    kind: str
    arguments: tuple[str, ...]
    column: int


@dataclass(frozen=True)
class Remark:
    """Something accepted that may not be what was meant: a sentence for the page, and where it points."""

    message: str
    column: int


@dataclass(frozen=True)
class PromptPlan:
    """A prompt, read for a given number of steps."""

    parts: tuple[SubPrompt, ...]
    extras: tuple[ExtraNetwork, ...] = ()
    remarks: tuple[Remark, ...] = ()

    def at(self, step: int) -> tuple[WeightedCondition, ...]:
        """The conditionings of ``step``, counted from 0 (the number of sampler steps behind us); one per part.

        The guided answer is ``u + guidance_scale * sum(weight_i * (c_i - u))`` over the parts, with ``u`` the
        network's answer to the negative prompt and ``c_i`` that to part ``i`` (Liu et al. 2022, "Compositional Visual
        Generation with Composable Diffusion Models", equation 11; arXiv:2206.01714).
        """
        return tuple(WeightedCondition(part.at(step), part.weight) for part in self.parts)

    @cached_property
    def variants(self) -> tuple[Text, ...]:
        """The distinct texts of all parts and steps, in order of first use: encode each of them once."""
        return tuple(dict.fromkeys(entry.text for part in self.parts for entry in part.schedule))


def plain(text: Sequence[Piece]) -> str:
    """The words of a text without their weights, for messages and logs."""
    return " ".join(piece.text if isinstance(piece, WeightedText) else "BREAK" for piece in text)
