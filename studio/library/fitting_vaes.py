"""Which VAEs may serve a checkpoint that has none of its own. It knows cards alone and opens no file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from studio.library.card import ModelCard


def fits(vae: ModelCard, family: str) -> bool:
    """Whether nothing in a VAE's file says that it is made for another family."""
    return vae.kind == "vae" and vae.usable and vae.family in (family, "unknown")


def with_fitting_vaes(cards: Iterable[ModelCard]) -> tuple[ModelCard, ...]:
    """The same cards; those of checkpoints without a VAE of their own say which of the others to propose."""
    found = tuple(cards)
    vaes = [card for card in found if card.kind == "vae"]
    return tuple(replace(card, fitting_vaes=_proposed(vaes, card.family)) if card.needs_vae else card for card in found)


def _proposed(vaes: Sequence[ModelCard], family: str) -> tuple[str, ...]:
    """The names of those to propose for a family.

    Autoencoders of 1.x and XL have the same names and shapes, and their files seldom say which they are; so "xl" in its
    name is believed where nothing else tells. That only decides what is proposed: whatever `fits` may be chosen.
    """
    fitting = [vae for vae in vaes if fits(vae, family)]
    return tuple(
        vae.name for vae in fitting if vae.family == family or ("xl" in vae.name.casefold()) == (family == "sdxl")
    )
