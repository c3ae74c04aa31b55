"""``Reading``, what a picture says of how it was made; and ``Draft``, in which readers collect it field by field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PureWindowsPath
from typing import Any

from studio.errors import InvalidField
from studio.recipe import Recipe, ResolvedRecipe
from studio.recipe.limits import MAX_SEED
from studio.recipe.templates import NO_TEMPLATES, Templates

MODEL_SUFFIXES = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".sft", ".gguf")
SHOWN_CHARACTERS = 500
"""Of a value that has no place in a recipe: enough to know it by."""


@dataclass(frozen=True)
class Part:
    """Something a picture was made with besides its checkpoint: a ``lora``, ``embedding``, ``vae`` … by its name, and
    by (the beginning of) its hash where that is told. ``weight`` is a LoRA's that stands in no prompt yet.
    """

    kind: str
    name: str
    hash: str = ""
    weight: float | None = None


@dataclass(frozen=True)
class Reading:
    """What is known: by which ``program``, the recipe as far as it can be told, the beginning of the checkpoint's hash,
    and the parts. ``unused`` is what a recipe has no place for, as it stood; ``notes`` are sentences about it all.
    ``resolved`` is there only where our own exact recipe was found. ``templates`` are what its prompts were drawn from.
    """

    program: str
    recipe: Recipe
    model_hash: str = ""
    parts: tuple[Part, ...] = ()
    unused: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    resolved: ResolvedRecipe | None = None
    templates: Templates = NO_TEMPLATES


class Draft:
    """A reading in the making. Values that a recipe cannot take are kept as unused instead of failing."""

    def __init__(self, program: str) -> None:
        self.program = program
        self.fields: dict[str, Any] = {}
        self.unused: dict[str, str] = {}
        self.notes: list[str] = []
        self.parts: list[Part] = []
        self.model_hash = ""

    def put(self, name: str, value: Any, key: str = "") -> None:
        """Set a field of the recipe; ``key`` is what the program calls it."""
        if value is None:
            return
        try:
            Recipe(**{name: value})
        except InvalidField:
            self.leave(key or name, value)
        else:
            self.fields[name] = value

    def put_seed(self, value: Any, key: str = "seed") -> None:
        """A seed of up to 64 bits, drawn on the CPU: torch's generator there keeps the lowest 32.

        Source: ATen/core/MT19937RNGEngine.h, ``init_with_uint32``.
        """
        seed = as_int(value)
        if seed is not None and seed > MAX_SEED:
            self.notes.append(f"The seed {seed} is longer than 32 bits; {seed & MAX_SEED} draws the same noise.")
            value = seed & MAX_SEED
        self.put("seed", value, key)

    def leave(self, key: str, value: Any) -> None:
        """Name something that has no place in a recipe; what is empty needs no naming."""
        if value in (None, "", [], {}, False):
            return
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        self.unused[key] = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"

    def leave_all(self, values: Mapping[str, Any], *known: str) -> None:
        """Name everything but what was ``known``."""
        for key, value in values.items():
            if key not in known:
                self.leave(str(key), value)

    def done(self) -> Reading:
        """The reading."""
        return Reading(
            self.program,
            Recipe(**self.fields),
            self.model_hash,
            tuple(self.parts),
            self.unused,
            tuple(self.notes),
        )


def model_name(value: Any) -> str:
    """The bare name of a model file: no folders of whichever system, no suffix."""
    name = PureWindowsPath(str(value or "")).name
    path = PureWindowsPath(name)
    return path.stem if path.suffix.lower() in MODEL_SUFFIXES else name


def as_int(value: Any) -> int | None:
    """A whole number however it was written, else ``None``."""
    try:
        return None if isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def as_float(value: Any) -> float | None:
    """A number however it was written, else ``None``."""
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def json_object(text: Any) -> dict[str, Any] | None:
    """The object in a JSON text, ``None`` when it holds none."""
    if isinstance(text, str) and text.lstrip()[:1] == "{":
        try:
            # written and read again, so that halves of surrogate pairs, which nothing can keep, become "?"
            text = json.loads(json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return None
    return text if isinstance(text, dict) else None
