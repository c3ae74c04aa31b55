"""What a person may write on a card, each field checked: notes, a recipe, trigger words, a weight, what is predicted.

The same checks hold for what comes over HTTP, from a terminal, and from a file that was edited by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict, get_args

from studio.errors import InvalidField
from studio.library.card import Kind, ModelCard, Prediction
from studio.recipe import Recipe
from studio.recipe.adapters import MOST_WEIGHT

MOST_CHARACTERS = 10_000
MOST_TRIGGER_WORDS = 64
MOST_WORD_CHARACTERS = 300
FORBIDDEN = ("checkpoint", "checkpoint_sha256")
"""Fields that a checkpoint's own recipe has no say in."""

ONLY_ON: Mapping[str, Kind] = {"weight": "lora", "prediction": "checkpoint", "zero_snr": "checkpoint"}
"""Fields that mean something on the cards of one kind alone."""


CORRECTABLE = ("trigger_words", "weight", "prediction", "zero_snr", "picture")
"""Fields that others have an answer to as well, which a person's own goes before."""


class Change(TypedDict, total=False):
    """What to write on a card; what is left out stays as it is, and ``None`` takes it away."""

    notes: str | None
    recipe: Mapping[str, Any] | None
    trigger_words: Sequence[str] | None
    weight: float | None
    prediction: str | None
    zero_snr: bool | None
    picture: str | None


def check_change(card: ModelCard, change: Change) -> None:
    """Raises `InvalidField` for a field that means nothing on this card."""
    for name, kind in ONLY_ON.items():
        if change.get(name) is not None and card.kind != kind:
            raise InvalidField(name, f"{card.name} is a model of kind {card.kind}, and only a {kind} has one")


def notes(value: Any) -> str:
    """Notes with plain line ends. Raises `InvalidField`."""
    if not isinstance(value, str):
        raise InvalidField("notes", f"{value!r} is no text")
    if len(value) > MOST_CHARACTERS:
        raise InvalidField("notes", f"{len(value):,} characters are too many", f"up to {MOST_CHARACTERS:,}")
    return value.replace("\r\n", "\n")


def recipe(value: Any) -> dict[str, Any]:
    """The fields as a recipe understands them. Raises `InvalidField` for what it does not."""
    if not isinstance(value, Mapping):
        raise InvalidField("recipe", f"{value!r} is no list of fields")
    for name in FORBIDDEN:
        if name in value:
            raise InvalidField("recipe", f"{name} is what the card belongs to, so it cannot be set on it")
    whole = Recipe().with_fields({name: inside for name, inside in value.items() if inside is not None})
    written = whole.model_dump(mode="json")
    return {name: written[name] for name in value if written.get(name) is not None}


def trigger_words(value: Any) -> tuple[str, ...]:
    """Each word or phrase once, trimmed, in the order given. Raises `InvalidField`."""
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(one, str) for one in value):
        raise InvalidField("trigger_words", f"{value!r} is no list of texts")
    words = tuple(dict.fromkeys(" ".join(one.split()) for one in value if one.strip()))
    longest = max(words, key=len, default="")
    if len(words) > MOST_TRIGGER_WORDS or len(longest) > MOST_WORD_CHARACTERS:
        allowed = f"up to {MOST_TRIGGER_WORDS} of up to {MOST_WORD_CHARACTERS} characters"
        raise InvalidField("trigger_words", "too many, or one too long", allowed)
    return words


def weight(value: Any) -> float:
    """A LoRA's weight. Raises `InvalidField`."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not -MOST_WEIGHT <= value <= MOST_WEIGHT:
        raise InvalidField("weight", f"{value!r} is no weight of a LoRA", f"{-MOST_WEIGHT:g} to {MOST_WEIGHT:g}")
    return float(value)


def prediction(value: Any) -> Prediction:
    """What a network predicts. Raises `InvalidField`."""
    for one in get_args(Prediction):
        if value == one:
            return one  # type: ignore[no-any-return]
    raise InvalidField("prediction", f"{value!r} is nothing that a network predicts", " or ".join(get_args(Prediction)))


def zero_snr(value: Any) -> bool:
    """Whether the last step is pure noise. Raises `InvalidField`."""
    if not isinstance(value, bool):
        raise InvalidField("zero_snr", f"{value!r} is neither", "true or false")
    return value


def picture(value: Any) -> str:
    """The name of a file in the folder of pictures, and of no other. Raises `InvalidField`."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-f]{16}\.webp", value):
        raise InvalidField("picture", f"{value!r} is no picture that the studio keeps")
    return value


CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "notes": notes,
    "trigger_words": trigger_words,
    "weight": weight,
    "prediction": prediction,
    "zero_snr": zero_snr,
    "picture": picture,
    "recipe": recipe,
}
"""Every field, in the order in which they are written."""
