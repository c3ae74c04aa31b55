"""``OwnCards``: what a person writes on the cards of models, kept in the home and never in a model folder.

One TOML file for each model, called by the model's name, that can be read and edited by hand:

    model = "dreamshaper"
    sha256 = "879db523c3…"
    notes = "Good at hands."

    [recipe]
    sampler = "DPM++ 2M"
    steps = 28

``[recipe]`` holds fields of a recipe, as a preset does. A model that was renamed is known again by its hash.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from studio.errors import InvalidField, StorageError
from studio.recipe import Recipe
from studio.set_aside import set_aside

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST_CHARACTERS = 10_000
FORBIDDEN = ("checkpoint", "checkpoint_sha256")
"""Fields that a checkpoint's own recipe has no say in."""
_MOST_BYTES = 200_000
_READABLE = " ()[]+,;=@!'&"


@dataclass(frozen=True)
class OwnCard:
    """What a person wrote: ``notes``, and fields of a recipe; ``problem`` says what of it cannot be used."""

    model: str = ""
    sha256: str = ""
    notes: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None


class OwnCards:
    """The cards in one folder of the home, which is made when the first one is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._cards: Mapping[str, OwnCard] = {}

    def read(self) -> list[Path]:
        """Read every card again, and say which files there are. A broken one says so on its model's card."""
        files = sorted(self.folder.glob("*.toml")) if self.folder.is_dir() else []
        cards = (_read(file) for file in files)
        self._cards = {card.model.casefold(): card for card in cards}
        return files

    def of(self, name: str, sha256: str) -> OwnCard:
        """What was written on the model of that name; else on one of that hash, whatever it was called then."""
        found = self._cards.get(name.casefold())
        if found is None and sha256:
            found = next((card for card in self._cards.values() if card.sha256 == sha256), None)
        return found or OwnCard(name)

    def write(self, name: str, sha256: str, notes: str | None, recipe: Mapping[str, Any] | None) -> OwnCard:
        """Write on a card; ``None`` leaves that part as it is.

        Raises:
            InvalidField: notes too long, or a recipe with a field or value that there is not.
            StorageError: the home cannot be written.
        """
        former = self.of(name, sha256)
        if notes is not None and len(notes) > MOST_CHARACTERS:
            raise InvalidField("notes", f"{len(notes):,} characters are too many", f"up to {MOST_CHARACTERS:,}")
        card = OwnCard(
            name,
            sha256 or former.sha256,
            former.notes if notes is None else notes.replace("\r\n", "\n"),
            former.recipe if recipe is None else checked(recipe),
        )
        self._save(card)
        self._cards = {**self._cards, name.casefold(): card}
        return card

    def _save(self, card: OwnCard) -> None:
        file = self.folder / f"{quote(card.model, safe=_READABLE)[:200]}.toml"
        part = file.with_name(f".{file.name}.{os.getpid()}.part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            there = _read(file) if file.exists() else None
            if there is not None and there.problem:  # what somebody wrote there by hand is not written over
                set_aside(file, there.problem)
            part.write_text(_toml(card), encoding="utf-8")
            part.replace(file)
        except OSError as error:
            raise StorageError(f"The card {file} cannot be written: {error.strerror or error}.") from error


def checked(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as a recipe understands them. Raises `InvalidField` for what it does not."""
    for name in FORBIDDEN:
        if name in recipe:
            raise InvalidField("recipe", f"{name} is what the card belongs to, so it cannot be set on it")
    whole = Recipe().with_fields({name: value for name, value in recipe.items() if value is not None})
    written = whole.model_dump(mode="json")
    return {name: written[name] for name in recipe if written.get(name) is not None}


def _read(file: Path) -> OwnCard:
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ValueError("it is too long")
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        texts = {name: str(content.get(name, "")) for name in ("model", "sha256", "notes")}
        texts["model"] = texts["model"] or file.stem
    except (OSError, ValueError) as error:
        return OwnCard(file.stem, problem=f"Your card {file.name} cannot be read and was left out: {error}.")
    try:
        recipe = checked(content.get("recipe", {}))
    except (InvalidField, TypeError, ValueError, AttributeError) as error:
        return OwnCard(
            texts["model"],
            texts["sha256"],
            texts["notes"],
            problem=f"The recipe on your card {file.name} was left out: {error}.",
        )
    return OwnCard(texts["model"], texts["sha256"], texts["notes"], recipe)


def _toml(card: OwnCard) -> str:
    lines = [f"{name} = {_value(getattr(card, name))}" for name in ("model", "sha256", "notes")]
    if card.recipe:
        lines += ["", "[recipe]", *(f"{name} = {_value(value)}" for name, value in card.recipe.items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    """A JSON text, number or list is TOML's too, but for the one control character that JSON leaves as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
