"""``OwnCards``: what a person writes on the cards of models, kept in the home and never in a model folder.

One TOML file for each model, called by the model's name, that can be read and edited by hand:

    model = "dreamshaper"
    sha256 = "879db523c3…"
    notes = "Good at hands."

    [recipe]
    sampler = "DPM++ 2M"
    steps = 28

``[recipe]`` holds fields of a recipe, as a preset does; ``trigger_words``, ``weight``, ``prediction``, ``zero_snr``
and ``picture`` (a file in ``pictures`` beside the cards) may stand beside the notes. A card belongs to the weights of
its hash, whatever they are called by now; its name counts only as long as one of the two hashes is not known, and the
hash is filled in once it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from studio.errors import InvalidField, StorageError
from studio.library.card import SHORT_HASH_CHARACTERS, Prediction
from studio.library.card_fields import CHECKS, Change
from studio.set_aside import set_aside

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

log = logging.getLogger(__name__)

PICTURES = "pictures"
"""The folder beside the cards in which their pictures are kept."""
_MOST_BYTES = 200_000
_READABLE = " ()[]+,;=@!'&"
_NO_HASH_YET = re.compile(r'^sha256[ \t]*=[ \t]*""[ \t]*$', re.MULTILINE)


@dataclass(frozen=True)
class OwnCard:
    """What a person wrote: notes, fields of a recipe, and what else may stand on a card; ``None`` and empty say
    nothing. ``problem`` says what of it cannot be used; ``file`` is where it is kept.
    """

    model: str = ""
    sha256: str = ""
    notes: str = ""
    trigger_words: tuple[str, ...] = ()
    weight: float | None = None
    prediction: Prediction | None = None
    zero_snr: bool | None = None
    picture: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None
    file: Path | None = None


_BLANK = OwnCard()


class OwnCards:
    """The cards in one folder of the home, which is made when the first one is written. All methods may be called from
    any thread.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._cards = _Index()
        self._changing = threading.Lock()  # a hash that is filled in must not undo what is written meanwhile

    def read(self) -> list[Path]:
        """Read every card again, and say which files there are. A broken one says so on its model's card."""
        with self._changing:
            files = sorted(self.folder.glob("*.toml")) if self.folder.is_dir() else []
            self._cards = _Index.of(map(_read, files))
            return files

    def of(self, name: str, sha256: str) -> OwnCard:
        """What was written on the model of that hash, whatever it was called then; else on the one of that name, if
        either hash is not known.
        """
        return self._cards.find(name, sha256) or OwnCard(name)

    def is_doubtful(self, name: str) -> bool:
        """Whether the card of that name is another model's if the hashes differ, so that one must know them."""
        return any(card.sha256 for card in self._cards.by_name.get(name.casefold(), ()))

    def write(self, name: str, sha256: str, change: Change, picture: bytes | None = None) -> OwnCard:
        """Write on a card; ``picture`` is a small WebP to keep and show on it.

        Raises:
            InvalidField: a field whose value cannot be.
            StorageError: the home cannot be written.
        """
        written = {
            field: getattr(_BLANK, field) if value is None else CHECKS[field](value) for field, value in change.items()
        }
        with self._changing:
            if picture is not None:  # not before: another card's, dropped meanwhile, may be the same
                written["picture"] = self._keep_picture(picture)
            former = _as_edited(self.of(name, sha256))
            card = replace(former, model=name, sha256=sha256 or former.sha256, problem=None, **written)
            card = replace(card, file=card.file or self._free_file(card))
            self._save(card)
            self._cards = self._cards.with_card(card)
            if former.picture != card.picture:
                self._drop_picture(former.picture)
        return card

    def picture_of(self, card: OwnCard) -> Path | None:
        """The file of the picture on a card."""
        return self.folder / PICTURES / card.picture if card.picture else None

    def _keep_picture(self, small: bytes) -> str:
        name = f"{hashlib.sha256(small).hexdigest()[:16]}.webp"
        file = self.folder / PICTURES / name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            part = file.with_name(f".{name}.{os.getpid()}.part")
            part.write_bytes(small)
            part.replace(file)
        except OSError as error:
            raise StorageError(f"The picture {file} cannot be written: {error.strerror or error}.") from error
        return name

    def _drop_picture(self, name: str) -> None:
        if name and all(card.picture != name for card in self._cards.cards):
            with contextlib.suppress(OSError):  # one that stays takes a few kilobytes and is shown nowhere
                (self.folder / PICTURES / name).unlink()

    def learn(self, name: str, sha256: str) -> None:
        """The hash of a model is known now: fill it in on a card that was written before, so that it follows it."""
        with self._changing:
            known = self._cards.by_name.get(name.casefold(), ()) if sha256 not in self._cards.by_hash else ()
            card = next((one for one in known if not one.sha256 and not one.problem), None)
            if card is None or card.file is None:
                return
            try:
                _fill_in(card.file, sha256)
            except OSError as error:
                log.info("The hash was not written on %s: %s.", card.file, error.strerror or error)
            self._cards = self._cards.with_card(replace(card, sha256=sha256))

    def _free_file(self, card: OwnCard) -> Path:
        """The file called by the model's name, unless another model's card, written when that had the name, has it."""
        stem = quote(card.model, safe=_READABLE)[:200]
        taken = {one.file for one in self._cards.cards}
        named = [stem, *([f"{stem} {card.sha256[:SHORT_HASH_CHARACTERS]}"] if card.sha256 else [])]
        numbered = (f"{stem} ({number})" for number in range(2, len(taken) + 3))
        return next(file for one in (*named, *numbered) if (file := self.folder / f"{one}.toml") not in taken)

    def _save(self, card: OwnCard) -> None:
        file = card.file
        assert file is not None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            there = _read(file) if file.exists() else None
            if there is not None and there.problem:  # what somebody wrote there by hand is not written over
                set_aside(file, there.problem)
            _write(file, _toml(card))
        except OSError as error:
            raise StorageError(f"The card {file} cannot be written: {error.strerror or error}.") from error


@dataclass(frozen=True)
class _Index:
    """The cards, and those of each name and hash."""

    cards: tuple[OwnCard, ...] = ()
    by_name: Mapping[str, tuple[OwnCard, ...]] = field(default_factory=dict)
    by_hash: Mapping[str, tuple[OwnCard, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, cards: Iterable[OwnCard]) -> _Index:
        found = tuple(cards)
        by_name: dict[str, tuple[OwnCard, ...]] = {}
        by_hash: dict[str, tuple[OwnCard, ...]] = {}
        for card in found:
            by_name[card.model.casefold()] = (*by_name.get(card.model.casefold(), ()), card)
            if card.sha256:
                by_hash[card.sha256] = (*by_hash.get(card.sha256, ()), card)
        return cls(found, by_name, by_hash)

    def with_card(self, card: OwnCard) -> _Index:
        """These, and ``card`` in place of the one in its file."""
        return _Index.of([*(one for one in self.cards if one.file != card.file), card])

    def find(self, name: str, sha256: str) -> OwnCard | None:
        called = self.by_name.get(name.casefold(), ())
        same = self.by_hash.get(sha256, ()) if sha256 else ()
        if same:
            return next((card for card in same if card in called), same[0])
        return next((card for card in called if not sha256 or not card.sha256), None)


def _read(file: Path) -> OwnCard:
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ValueError("it is too long")
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problem = f"Your card {file.name} cannot be read and was left out: {error}."
        return OwnCard(unquote(file.stem), problem=problem, file=file)
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for name in (name for name in CHECKS if name in content):
        try:
            values[name] = CHECKS[name](content[name])
        except (InvalidField, TypeError, ValueError, AttributeError) as error:
            wrong.append(f"The {name.replace('_', ' ')} on your card {file.name} was left out: {error}.")
    model = str(content.get("model") or unquote(file.stem))
    sha256 = str(content.get("sha256", "")).lower()
    return OwnCard(model, sha256, **values, problem=" ".join(wrong) or None, file=file)


def _as_edited(card: OwnCard) -> OwnCard:
    """The card as its file says now: by hand or by another process it may have changed since it was last read."""
    now = _read(card.file) if card.file is not None and card.file.exists() else None
    if now is None or now.problem or (now.sha256 and card.sha256 and now.sha256 != card.sha256):
        return card
    return now


def _fill_in(file: Path, sha256: str) -> None:
    """Write the hash into a file and leave everything else in it as a person wrote it."""
    text = file.read_text(encoding="utf-8")
    line = f'sha256 = "{sha256}"'
    filled, count = _NO_HASH_YET.subn(line, text, count=1)
    filled = filled if count else f"{line}\n{text}"
    try:
        is_sound = tomllib.loads(filled).get("sha256") == sha256
    except ValueError:
        is_sound = False
    if is_sound:
        _write(file, filled)


def _write(file: Path, text: str) -> None:
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    with part.open("w", encoding="utf-8") as writing:
        writing.write(text)
        writing.flush()
        os.fsync(writing.fileno())  # what a person wrote must not be an empty file after a power cut
    part.replace(file)


def _toml(card: OwnCard) -> str:
    lines = [f"{name} = {_value(getattr(card, name))}" for name in ("model", "sha256", "notes")]
    more = ((name, getattr(card, name)) for name in ("trigger_words", "weight", "prediction", "zero_snr", "picture"))
    lines += [f"{name} = {_value(value)}" for name, value in more if value not in (None, (), "")]
    if card.recipe:
        lines += ["", "[recipe]", *(f"{name} = {_value(value)}" for name, value in card.recipe.items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    """A JSON text, number or list is TOML's too, but for the one control character that JSON leaves as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
