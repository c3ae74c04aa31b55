"""What other programs keep beside a model: A1111's ``NAME.json`` and the ``NAME.civitai.info`` of its companions.

Their keys are public: A1111 writes ``activation text``, ``preferred weight``, ``negative text``, ``notes``,
``description`` and ``sd version`` (its wiki, "Extra networks"); ``.civitai.info`` is the answer of Civitai's REST API
for a model version (``trainedWords``, ``description``, ``baseModel``, ``model.name``). They are read and never written,
none of it is trusted, and what cannot be used is said in a warning on the card.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from studio.errors import InvalidField
from studio.library.about import MOST_CHARACTERS, MOST_WORDS, About, words_of
from studio.library.card import ModelCard
from studio.library.card_fields import weight

A1111 = ".json"
CIVITAI = ".civitai.info"
_MOST_BYTES = 2_000_000
_MOST_NAME_CHARACTERS = 200


@dataclass(frozen=True)
class _Said:
    """What one sidecar says; empty where it says nothing."""

    title: str = ""
    description: str = ""
    base_model: str = ""
    trigger_words: tuple[str, ...] = ()
    negative_words: tuple[str, ...] = ()
    weight: float | None = None


def sidecars_beside(model: Path, is_folder: bool, names_in: Callable[[Path], Collection[str]]) -> tuple[Path, ...]:
    """Those of a file, or of a folder, for which each may lie within it too; what a person set in A1111 goes before
    what was fetched, and what lies beside it before what lies within.
    """
    stem = model.name if is_folder else model.stem
    found = []
    for suffix in (A1111, CIVITAI):
        places = [model.parent, model] if is_folder else [model.parent]
        found += [place / (stem + suffix) for place in places if stem + suffix in names_in(place)]
    return tuple(found)


def with_sidecars(card: ModelCard, sidecars: Sequence[Path]) -> ModelCard:
    """The card with what its sidecars say, which goes before what stands inside the file."""
    warnings = [card.warning] if card.warning else []
    about = card.about
    for sidecar in reversed(sidecars):
        said, wrong = _read(sidecar)
        about = _laid_over(about, said)
        warnings += [f"In {sidecar.name}: {'; '.join(wrong)}."] if wrong else []
    own_weight = about.weight if card.kind == "lora" else None
    about = replace(about, weight=own_weight)
    return replace(
        card, about=about, trigger_words=about.trigger_words, weight=own_weight, warning=" ".join(warnings) or None
    )


def _laid_over(about: About, said: _Said) -> About:
    words = tuple(dict.fromkeys((*said.trigger_words, *about.trigger_words)))[:MOST_WORDS]
    return replace(
        about,
        title=said.title or about.title,
        description=said.description or about.description,
        base_model=said.base_model or about.base_model,
        trigger_words=words,
        negative_words=said.negative_words or about.negative_words,
        weight=about.weight if said.weight is None else said.weight,
    )


def _read(file: Path) -> tuple[_Said, list[str]]:
    """What ``file`` says, and what in it cannot be used."""
    try:
        if file.stat().st_size > _MOST_BYTES:
            return _Said(), ["it is too long, so it was left out"]
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        return _Said(), [f"it cannot be read and was left out ({str(error)[:100]})"]
    if not isinstance(content, dict):
        return _Said(), ["it holds no JSON object, so it was left out"]
    reading = _Reading(content)
    said = _from_civitai(reading) if file.name.endswith(CIVITAI) else _from_a1111(reading)
    return said, reading.wrong


def _from_a1111(reading: _Reading) -> _Said:
    texts = [reading.text(name) for name in ("description", "notes")]
    version = reading.text("sd version")
    return _Said(
        description="\n".join(dict.fromkeys(text for text in texts if text))[:MOST_CHARACTERS],
        base_model="" if version == "Unknown" else version[:_MOST_NAME_CHARACTERS],
        trigger_words=words_of(reading.text("activation text")),
        negative_words=words_of(reading.text("negative text")),
        weight=reading.value("preferred weight", _preferred_weight),
    )


def _from_civitai(reading: _Reading) -> _Said:
    model = _Reading(reading.content["model"]) if isinstance(reading.content.get("model"), dict) else _Reading({})
    said = _Said(
        title=model.text("name")[:_MOST_NAME_CHARACTERS],
        description=_plain(reading.text("description") or model.text("description")),
        base_model=reading.text("baseModel")[:_MOST_NAME_CHARACTERS],
        trigger_words=reading.value("trainedWords", _trained_words) or (),
    )
    reading.wrong += model.wrong
    return said


class _Reading:
    """One JSON object, asked field by field; ``wrong`` tells of those that are not of the type they should be."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content
        self.wrong: list[str] = []

    def text(self, name: str) -> str:
        return self.value(name, _text) or ""

    def value(self, name: str, check: Callable[[Any], Any]) -> Any:
        if self.content.get(name) is None:
            return None
        try:
            return check(self.content[name])
        except (InvalidField, ValueError):
            self.wrong.append(f"{name} is of no use ({str(self.content[name])[:40]!r})")
            return None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("no text")
    return value.strip()


def _preferred_weight(value: Any) -> float | None:
    """A1111 writes 0 for one that was not set."""
    return weight(float(value) if isinstance(value, str) else value) or None


def _trained_words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError("no list of texts")
    return tuple(dict.fromkeys(word for one in value for word in words_of(one)))


def _plain(html: str) -> str:
    """The text of a description in HTML, a line for each paragraph, cut to what a card has room for."""
    reader = _TextOfHtml()
    reader.feed(html[: 20 * MOST_CHARACTERS])
    lines = (" ".join(line.split()) for line in "".join(reader.parts).splitlines())
    return "\n".join(line for line in lines if line)[:MOST_CHARACTERS]


class _TextOfHtml(HTMLParser):
    _BREAKS = ("p", "br", "li", "div", "h1", "h2", "h3", "h4", "ul", "ol")
    _UNSEEN = ("script", "style")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._is_seen = True

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._is_seen = tag not in self._UNSEEN
        if tag in self._BREAKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._is_seen = True

    def handle_data(self, data: str) -> None:
        self.parts += [data] if self._is_seen else []
