"""Filters over cards: by kind, family, folder, whether they can be used, and words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from studio.library.card import Family, Kind, ModelCard
from studio.library.folders import lies_in


def matching(
    cards: Iterable[ModelCard],
    *,
    kinds: Sequence[Kind] = (),
    families: Sequence[Family] = (),
    usable: bool | None = None,
    query: str = "",
    folder: str = "",
) -> tuple[ModelCard, ...]:
    """The cards of these kinds and families, in ``folder`` or further down, that hold every word of ``query``
    somewhere; empty filters take all.
    """
    words = query.casefold().split()
    return tuple(
        card
        for card in cards
        if (not kinds or card.kind in kinds)
        and (not families or card.family in families)
        and (not folder or lies_in(card, folder))
        and (usable is None or card.usable == usable)
        and (not words or _holds(card, words))
    )


def _holds(card: ModelCard, words: Sequence[str]) -> bool:
    told = (
        card.name, card.file_name, card.folder, card.alias, card.kind, card.family, card.form, card.precision,
        card.notes, card.defaults.title or "", card.defaults.notes or "", card.about.title, card.about.author,
        card.about.description, *card.about.trigger_words, *card.trigger_words, card.sha256, card.payload_sha256,
        "inpainting" if card.inpainting else "", card.prediction,
    )  # fmt: skip
    text = "\n".join(told).casefold()
    return all(word in text for word in words)
