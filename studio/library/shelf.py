"""``Shelf``: the models of one kind, and how a name, a title or a hash finds one of them.

It reads no file itself; hashes that nobody knows yet are computed by whoever made the shelf, and only within reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from studio.errors import DamagedModel, NotFound, UnknownCheckpoint, UnknownPart
from studio.library import naming
from studio.library.card import Kind, ModelCard

_WHOLE_HASH = 64
_SMALL_BYTES = 1_000_000_000  # read in a second or two; a foreign hash must not make a request read the whole library
_ODD_SUFFIXES = (".pt", ".pth", ".bin")
"""What nobody can tell of files called so may be anything, and seldom is a checkpoint."""


def listed_as_checkpoint(card: ModelCard) -> bool:
    """Whether a card stands among the checkpoints: so does a file so damaged that nobody can say what it was."""
    if card.kind == "unknown":
        return card.problem is not None and card.path.suffix.lower() not in _ODD_SUFFIXES
    return card.kind in ("checkpoint", "unet")


@dataclass(frozen=True)
class Shelf:
    """The models of ``kind`` out of ``everything``; ``hashed`` gives a card with its hash, reading the file if need
    be, and may raise `DamagedModel`.
    """

    kind: Kind
    everything: Sequence[ModelCard]
    hashed: Callable[[ModelCard], ModelCard]

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """The models that stand here, usable or not."""
        return tuple(card for card in self.everything if self._is_here(card))

    def find(self, name: str) -> ModelCard:
        """The model of that name, file name, alias, ``name [hash]`` or beginning of a hash (8 characters or more).

        Raises:
            UnknownCheckpoint, UnknownPart: nothing answers to that name; the message lists what there is.
        """
        bare, wanted_hash = naming.split_title(name)
        prefix = wanted_hash or naming.as_hash(bare)
        card = None if wanted_hash else naming.by_name(self.cards, bare)
        if card is None and prefix:
            card = self._by_hash(prefix, bare if wanted_hash else "")
        if card is not None:
            return card
        raise self._refusal(self._unknown(name, bare))

    def _is_here(self, card: ModelCard) -> bool:
        return listed_as_checkpoint(card) if self.kind == "checkpoint" else card.kind == self.kind

    def _by_hash(self, prefix: str, likely: str) -> ModelCard | None:
        """By what is known; else by computing within reason: files of that name, small ones, all for a whole hash."""
        cards = [card for card in self.cards if card.trouble != "damaged"]
        known = [card for card in cards if _answers(card, prefix)]
        if known:  # of copies the one that is meant, unless only another can be used
            return min(known, key=lambda card: (not card.usable, not card.is_there, not _is_called(card, likely)))
        missing = [card for card in cards if not card.sha256]
        for card in sorted(missing, key=lambda card: card.size_bytes):
            if not (
                _is_called(card, likely)
                or len(prefix) == _WHOLE_HASH
                or (not likely and card.size_bytes <= _SMALL_BYTES)
            ):
                continue
            try:
                hashed = self.hashed(card)
            except DamagedModel:
                continue
            if _answers(hashed, prefix):
                return hashed
        return None

    def _unknown(self, name: str, bare: str) -> str:
        word = naming.SINGULARS[self.kind]
        same = naming.by_name(self.cards, bare) if bare != name.strip() else None
        if same is not None:
            return f"{same.name} is there, but its weights are not those of {name!r}: its hash is {same.short_hash}."
        other = naming.by_name(self.everything, bare)
        if other is not None:
            article = "an" if word[0] in "aeiou" else "a"
            return f"{other.name} is a model of kind {other.kind}, not {article} {word}."
        shown = name if len(name) <= 80 else name[:77] + "..."
        return f"No {word} is called {shown!r}. {naming.what_there_is(self.cards, bare, self.kind)}"

    def _refusal(self, sentence: str) -> NotFound:
        return UnknownCheckpoint(sentence) if self.kind == "checkpoint" else UnknownPart(sentence)


def _is_called(card: ModelCard, name: str) -> bool:
    return name.casefold() in (card.name.casefold(), card.file_name.casefold()) or naming.is_at(card, name)


def _answers(card: ModelCard, prefix: str) -> bool:
    return any(one.startswith(prefix) for one in (card.sha256, card.payload_sha256, card.kohya_hash))
