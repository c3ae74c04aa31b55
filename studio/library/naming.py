"""Names of models: made unique, and found again by what people and other programs write. It opens no file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches

from studio.library.card import Kind, ModelCard

LEAST_HASH_CHARACTERS = 8
"""Shorter prefixes of a hash may meet two files, and ``beef`` may be a name."""

SINGULARS: dict[Kind, str] = {
    "checkpoint": "checkpoint", "unet": "UNet", "vae": "VAE", "text-encoder": "text encoder", "lora": "LoRA",
    "embedding": "embedding", "controlnet": "ControlNet", "upscaler": "upscaler", "unknown": "unknown model",
}  # fmt: skip
PLURALS: dict[Kind, str] = {kind: f"{word}s" for kind, word in SINGULARS.items()}

NAMELESS = ("diffusion_pytorch_model", "pytorch_lora_weights", "learned_embeds", "adapter_model")
"""What diffusers and its companions call every file of a sort."""

OFTEN_NAMELESS = ("model", "pytorch_model")
_SELDOM_NAMES = ("models", "lora", "weights", "embeddings", "embeds", "checkpoint", "unet", "vae", "last", "final")

_RESERVED = {"auto", ""}
_TITLE = re.compile(r"^(?P<name>.*?)\s*\[(?P<hash>[0-9a-fA-F]{8,64})\]$", re.DOTALL)
_HASH = re.compile(rf"^[0-9a-fA-F]{{{LEAST_HASH_CHARACTERS},64}}$")
_SHOWN = 12


def with_unique_names(cards: Iterable[ModelCard]) -> tuple[ModelCard, ...]:
    """The same cards, no two of one name in any spelling: on a clash the later one is called ``folder/name``.

    A pickle beside what was made of it is called by its file's name, so that its name means what can be used.
    """
    taken: set[str] = set(_RESERVED)
    found = tuple(cards)
    names: dict[int, str] = {}
    for place in sorted(range(len(found)), key=lambda place: found[place].pickled):
        name = next(choice for choice in _choices(found[place]) if choice.casefold() not in taken)
        taken.add(name.casefold())
        names[place] = name
    return tuple(
        card if names[place] == card.name else replace(card, name=names[place]) for place, card in enumerate(found)
    )


def _choices(card: ModelCard) -> Iterable[str]:
    yield card.name.encode(errors="replace").decode()  # a name that is no UTF-8 could not be told to anybody
    if card.pickled:
        yield card.file_name
    outer = [part for part in card.path.parent.parts if part != card.path.anchor]
    for depth in range(1, len(outer) + 1):
        yield "/".join([*outer[-depth:], card.name])
    number = 2
    while True:
        yield f"{card.name} ({number})"
        number += 1


def says_nothing(stem: str) -> bool:
    """Whether a file's name, without its suffix, tells no model from another."""
    return stem.casefold() in (*NAMELESS, *OFTEN_NAMELESS, *_SELDOM_NAMES)


def split_title(text: str) -> tuple[str, str]:
    """``name [hash]`` as its two parts, the hash in small letters; the hash is empty where there is none."""
    matched = _TITLE.match(text.strip())
    return (matched["name"], matched["hash"].lower()) if matched else (text.strip(), "")


def as_hash(text: str) -> str:
    """``text`` in small letters if it can be (the beginning of) a hash, else an empty string."""
    return text.strip().lower() if _HASH.match(text.strip()) else ""


def is_at(card: ModelCard, text: str) -> bool:
    """Whether ``text`` is where the card's file lies and what it is called, as A1111 names one in a folder:
    ``anime/v1-5.safetensors``, with or without the suffix, with backslashes where it ran on Windows.
    """
    wanted = text.strip().casefold().replace("\\", "/")
    if "/" not in wanted:
        return False
    places = (f"/{card.folder}/{called}".casefold() for called in (card.file_name, card.path.stem))
    return any(place.endswith(f"/{wanted.lstrip('/')}") for place in places)


def by_name(cards: Sequence[ModelCard], text: str) -> ModelCard | None:
    """The card of that name, file name, alias, place, or (last) the file that it was made of, whatever the case."""
    wanted = text.strip().casefold()
    for attribute in ("name", "file_name", "alias"):
        found = next((card for card in cards if getattr(card, attribute).casefold() == wanted), None)
        if found is not None and wanted:
            return found
    placed = next((card for card in cards if is_at(card, text)), None)
    if placed is not None:
        return placed
    return next((card for card in cards if wanted in map(str.casefold, card.replaces)), None)


def what_there_is(cards: Sequence[ModelCard], text: str, kind: Kind = "checkpoint") -> str:
    """The names there are as a sentence, those near to ``text`` first; of what cannot be used only if all is so."""
    names = [card.name for card in cards if card.usable] or [card.name for card in cards]
    if not names:
        return (
            f"There are no {PLURALS[kind]} yet: put one into the models folder of the home, or name a folder with "
            "--models."
        )
    lowered = {name.casefold(): name for name in names}
    near = [lowered[name] for name in get_close_matches(text.casefold(), list(lowered), n=3, cutoff=0.5)]
    ordered = near + [name for name in names if name not in near]
    more = f" and {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else ""
    return f"There {'is' if len(names) == 1 else 'are'}: {', '.join(ordered[:_SHOWN])}{more}."
