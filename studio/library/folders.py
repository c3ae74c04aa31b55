"""Folders that models lie in, below the folders of models: which there are, and which models are in one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import PurePosixPath

from studio.errors import InvalidField
from studio.library.card import ModelCard

TOP = "."
"""The folder of those that lie in none."""

_SHOWN = 12


def folders_of(cards: Iterable[ModelCard]) -> dict[str, int]:
    """Every folder in the order of names, with how many models lie in it or further down; `TOP` counts its own only."""
    counted: Counter[str] = Counter()
    for card in cards:
        counted.update(_around(card.folder) or [TOP])
    return {folder: counted[folder] for folder in sorted(counted, key=lambda folder: (folder != TOP, _order(folder)))}


def lies_in(card: ModelCard, folder: str) -> bool:
    """Whether a model lies in a folder or further down."""
    return folder in (_around(card.folder) or [TOP])


def folder_called(text: str, cards: Sequence[ModelCard]) -> str:
    """The folder that ``text`` means among those of ``cards``, in any case, with slashes or backslashes.

    Raises:
        InvalidField: there is none of that name; the message names those there are, near ones first.
    """
    there = [folder for folder in folders_of(cards) if folder != TOP]
    wanted = text.strip().replace("\\", "/").strip("/").removeprefix("./") or TOP
    if wanted in (TOP, *there):
        return wanted
    lowered = {folder.casefold(): folder for folder in there}
    if wanted.casefold() in lowered:
        return lowered[wanted.casefold()]
    near = [lowered[one] for one in get_close_matches(wanted.casefold(), list(lowered), n=3, cutoff=0.5)]
    ordered = near + [folder for folder in there if folder not in near]
    more = f" and {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else ""
    shown = text if len(text) <= 80 else text[:77] + "..."
    named = f"{', '.join(ordered[:_SHOWN])}{more}, or {TOP} for those in none" if ordered else f"{TOP}, all lie in none"
    raise InvalidField("folder", f"there are no models in a folder {shown!r}", named)


def _around(folder: str) -> list[str]:
    """A folder and those that it lies in."""
    if not folder:
        return []
    place = PurePosixPath(folder.encode(errors="replace").decode())  # half of a character could not be told
    return [str(place), *(str(outer) for outer in place.parents if str(outer) != TOP)]


def _order(folder: str) -> tuple[str, ...]:
    return tuple(folder.casefold().split("/"))
