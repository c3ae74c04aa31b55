"""Which combinations of subject, style and colour are kept out of training.

Owns the fixed list that evaluation draws, and its mask for training. The list depends on the vocabulary and a seed
alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from studio.training.subjects import COLOURS, STYLES, SUBJECTS

HELD_OUT_COUNT = 200
HELD_OUT_SEED = 2022


@dataclass(frozen=True)
class Combination:
    """One subject in one style over one colour, as indices into SUBJECTS, STYLES and COLOURS."""

    subject: int
    style: int
    colour: int

    @property
    def caption(self) -> str:
        """The plain caption, "3d cat face on a blue background"."""
        colour = list(COLOURS)[self.colour]
        return f"{STYLES[self.style]} {SUBJECTS[self.subject].name} on {article(colour)} {colour} background"


def article(word: str) -> str:
    """The indefinite article of a word, by its first letter."""
    return "an" if word[0] in "aeiou" else "a"


def every_combination() -> list[Combination]:
    return [Combination(s, t, c) for s in range(len(SUBJECTS)) for t in range(len(STYLES)) for c in range(len(COLOURS))]


@lru_cache(maxsize=1)
def held_out() -> tuple[Combination, ...]:
    """The 200 combinations that training never sees; no (subject, style) pair loses more than two of its colours."""
    every = every_combination()
    generator = torch.Generator().manual_seed(HELD_OUT_SEED)
    chosen: list[Combination] = []
    taken: dict[tuple[int, int], int] = {}
    for index in torch.randperm(len(every), generator=generator).tolist():
        item = every[index]
        pair = (item.subject, item.style)
        if taken.get(pair, 0) < 2:
            taken[pair] = taken.get(pair, 0) + 1
            chosen.append(item)
        if len(chosen) == HELD_OUT_COUNT:
            break
    return tuple(chosen)


def trained_mask() -> Tensor:
    """(subject, style, colour), bool: true where training may look."""
    mask = torch.ones(len(SUBJECTS), len(STYLES), len(COLOURS), dtype=torch.bool)
    for item in held_out():
        mask[item.subject, item.style, item.colour] = False
    return mask
