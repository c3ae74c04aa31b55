"""Pickles and what was made of them. A converted file says in its metadata which pickle it was made of, wherever either
lies, and the two are one model of the library: the pickle stands on the other's card.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from studio.library.card import ModelCard

MADE_FROM = "studio.made_from"
"""Under which the mark of the pickle stands in the metadata of what was made of it."""

_END_BYTES = 1 << 16
_MARK_CHARACTERS = 32


def mark_of(pickle: Path) -> str:
    """By what a pickle is known again: size, beginning and end. The end of PyTorch's archive lists a checksum of each
    tensor, so two pickles of equal shapes differ there. Empty for a file that cannot be read.
    """
    try:
        with pickle.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(0)
            start = stream.read(_END_BYTES)
            stream.seek(max(size - _END_BYTES, 0))
            end = stream.read(_END_BYTES)
    except OSError:
        return ""
    return hashlib.sha256(b"%d\n" % size + start + end).hexdigest()[:_MARK_CHARACTERS]


def folded(cards: Iterable[ModelCard]) -> tuple[ModelCard, ...]:
    """The same cards without the pickles whose weights lie there as safetensors too; those name them in ``replaces``.

    That is what was made of them here, or, as makers publish both, a file of the same name, kind and family beside.
    """
    found = tuple(cards)
    sound = [card for card in found if not card.pickled and card.trouble != "damaged"]
    made = {card.mark: card.id for card in sound if card.mark}
    beside = {_place(card): card.id for card in sound if card.layout == "single-file" and card.kind != "unknown"}
    replaced: dict[str, tuple[str, ...]] = {}
    gone: set[str] = set()
    for card in (card for card in found if card.pickled):
        twin = made.get(card.mark) or beside.get(_place(card))
        if twin:
            replaced[twin] = (*replaced.get(twin, ()), card.file_name)
            gone.add(card.id)
    return tuple(
        replace(card, replaces=replaced[card.id]) if card.id in replaced else card
        for card in found
        if card.id not in gone
    )


def _place(card: ModelCard) -> tuple[object, ...]:
    return card.path.parent, card.path.stem.casefold(), card.kind, card.family
