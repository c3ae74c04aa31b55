"""Which VAEs may serve a checkpoint that has none of its own. It knows cards alone and opens no file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from studio.library.card import ModelCard


def fits(vae: ModelCard, family: str) -> bool:
    """Whether nothing in a VAE's file says that it is made for another family."""
    return vae.kind == "vae" and vae.usable and vae.family in (family, "unknown")


def with_fitting_vaes(cards: Iterable[ModelCard]) -> tuple[ModelCard, ...]:
    """The same cards; those of checkpoints without a VAE of their own say which of the others may serve."""
    found = tuple(cards)
    vaes = [card for card in found if card.kind == "vae"]
    return tuple(replace(card, fitting_vaes=_proposed(vaes, card.family)) if card.needs_vae else card for card in found)


def _proposed(vaes: Sequence[ModelCard], family: str) -> tuple[str, ...]:
    """The names of those that fit, the likeliest first.

    Autoencoders of 1.x and XL have the same names and shapes, and their files seldom say which they are; so a name with
    "xl" in it is believed where nothing else tells. That only orders and shortens what is proposed: whatever `fits` may
    be chosen.
    """
    fitting = [vae for vae in vaes if fits(vae, family)]
    likely = [vae for vae in fitting if vae.family == family or _says_xl(vae) == (family == "sdxl")]
    unlikely = [vae for vae in fitting if vae not in likely and not _says_xl(vae)]
    return tuple(vae.name for vae in (*likely, *unlikely))


def _says_xl(vae: ModelCard) -> bool:
    return "xl" in vae.name.casefold()
