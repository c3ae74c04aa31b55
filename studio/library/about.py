"""``About``: what a model's maker says of it, in the file's metadata or beside it, cut to what a card has room for.

Sources: the Stability AI model metadata standard (``modelspec.*``) and what kohya-ss/sd-scripts writes while training
(``ss_*``). None of it is trusted: texts are bounded, and nothing in them is ever run or opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

MOST_CHARACTERS = 1_000
MOST_WORDS = 24
_MOST_ENTRY = 2_000
_MOST_WORD_CHARACTERS = 80
_MOST_JSON_CHARACTERS = 4_000_000
EMBEDDED_PICTURE = "modelspec.thumbnail"


@dataclass(frozen=True)
class About:
    """What a file, or one of `sidecars` beside it, says of a model; empty where that says nothing.

    ``trigger_words`` are those to put into a prompt: the maker's own phrase first, then the words of the captions it
    was trained on, most frequent first; ``negative_words`` are meant for the negative prompt. ``weight`` is the one
    that a LoRA is best worn with. ``has_picture`` tells of a thumbnail inside the file.
    """

    title: str = ""
    author: str = ""
    licence: str = ""
    description: str = ""
    base_model: str = ""
    trigger_words: tuple[str, ...] = ()
    negative_words: tuple[str, ...] = ()
    weight: float | None = None
    has_picture: bool = False


def about_of(metadata: Mapping[str, str]) -> About:
    """What the metadata of a header says."""

    def said(*names: str) -> str:
        found = next((metadata[name] for name in names if metadata.get(name, "None") not in ("", "None")), "")
        return " ".join(found.split())[:MOST_CHARACTERS]

    return About(
        title=said("modelspec.title"),
        author=said("modelspec.author"),
        licence=said("modelspec.license"),
        description=said("modelspec.description", "ss_training_comment"),
        base_model=said("ss_sd_model_name", "modelspec.merged_from"),
        trigger_words=_trigger_words(said("modelspec.trigger_phrase"), metadata.get("ss_tag_frequency", "")),
        has_picture=metadata.get(EMBEDDED_PICTURE, "").startswith("data:image/"),
    )


def entries_of(metadata: Mapping[str, str]) -> dict[str, str]:
    """Every entry but the picture, each cut short, for whoever wants to read them all."""
    return {name[:200]: text[:_MOST_ENTRY] for name, text in metadata.items() if name != EMBEDDED_PICTURE}


def _trigger_words(phrase: str, tag_frequency: str) -> tuple[str, ...]:
    counted = _counted(tag_frequency)
    frequent = sorted(counted, key=lambda word: (-counted[word], word))
    kept = (word for word in frequent if word and len(word) <= _MOST_WORD_CHARACTERS)
    return tuple(dict.fromkeys((*words_of(phrase), *kept)))[:MOST_WORDS]


def words_of(phrase: str) -> tuple[str, ...]:
    """The parts between the commas of a phrase, those within brackets aside; what is too long for one is left out."""
    words, depth = [""], 0
    for character in phrase[:_MOST_JSON_CHARACTERS]:
        depth = max(0, depth + (character in "([{<") - (character in ")]}>"))
        if character == "," and depth == 0:
            words.append("")
        else:
            words[-1] += character
    told = (" ".join(word.split()) for word in words)
    kept = dict.fromkeys(word for word in told if word and len(word) <= _MOST_WORD_CHARACTERS)
    return tuple(kept)[:MOST_WORDS]


def _counted(text: str) -> dict[str, float]:
    """kohya's ``{"10_folder": {"tag": count}}``, summed over the folders, each weighed by its repeats."""
    if len(text) > _MOST_JSON_CHARACTERS:
        return {}
    try:
        folders = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    counted: dict[str, float] = {}
    for folder, tags in folders.items() if isinstance(folders, dict) else ():
        repeats = re.match(r"(\d{1,4})_", folder)
        for tag, count in tags.items() if isinstance(tags, dict) else ():
            if isinstance(count, (int, float)) and count > 0:
                counted[tag.strip()] = counted.get(tag.strip(), 0) + count * (int(repeats[1]) if repeats else 1)
    return counted
