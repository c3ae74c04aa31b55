"""Prompts from a file or a pasted text: one order a line.

A line is a prompt, or, where it begins with ``--``, flags: those of A1111's script "Prompts from file or textbox"
(``--prompt "a cat" --steps 20``) and every field of a recipe by its name. Blank lines and those that begin with ``#``
are passed over. Source: AUTOMATIC1111's wiki, "Prompts from file or textbox" (facts only).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from studio.errors import InvalidField
from studio.recipe.model import Recipe
from studio.recipe.presets import PLACEHOLDER

FIELD = "lines"
MAX_LINES = 500
MAX_TEXT_CHARACTERS = 1_000_000

_NAMES = {
    "sd_model": "checkpoint",
    "sampler_name": "sampler",
    "scheduler": "schedule",
    "cfg_scale": "guidance_scale",
    "width": "width_px",
    "height": "height_px",
    "subseed": "variation_seed",
    "subseed_strength": "variation_strength",
    "seed_resize_from_w": "seed_resize_width_px",
    "seed_resize_from_h": "seed_resize_height_px",
}
"""A1111's words for fields of ours."""

_COUNTS = ("n_iter", "batch_size", "count")
_IGNORED = frozenset(
    (
        *("outpath_samples", "outpath_grids", "prompt_for_display", "styles", "restore_faces"),
        *("do_not_save_samples", "do_not_save_grid"),
    )
)
"""A1111's flags that say nothing of a picture here; where pictures lie is the gallery's business."""


@dataclass(frozen=True)
class Line:
    """One order: the fields it sets, over whatever recipe it is for, and how many pictures, if it says so."""

    number: int
    fields: Mapping[str, Any]
    count: int | None = None


def read_lines(text: str) -> list[Line]:
    """The orders of a text.

    Raises:
        InvalidField: a flag that is none or has no value, no line at all, or more than `MAX_LINES`.
    """
    if len(text) > MAX_TEXT_CHARACTERS:
        raise InvalidField(FIELD, f"{len(text):,} characters are too many", f"up to {MAX_TEXT_CHARACTERS:,}")
    lines = list(_lines(text))
    if not lines:
        raise InvalidField(FIELD, "there is no prompt in it", "a prompt a line")
    if len(lines) > MAX_LINES:
        raise InvalidField(FIELD, f"{len(lines)} lines are too many", f"up to {MAX_LINES}")
    return lines


def recipe_of(line: Line, shared: Recipe) -> Recipe:
    """The recipe of a line: what it says over what all share; its prompts go where ``{prompt}`` stands in theirs.

    Raises:
        InvalidField: a value that cannot be.
    """
    fields = dict(line.fields)
    for name in ("prompt", "negative_prompt"):
        template = getattr(shared, name)
        if PLACEHOLDER in template:
            fields[name] = template.replace(PLACEHOLDER, fields.get(name, ""))
    return shared.with_fields(fields)


def refused(number: int, error: Exception) -> InvalidField:
    """An error about the order of one line, which it names."""
    return InvalidField(FIELD, f"line {number}: {error}")


def _lines(text: str) -> Iterator[Line]:
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        yield _flags(number, content) if content.startswith("--") else Line(number, {"prompt": content})


def _flags(number: int, line: str) -> Line:
    try:
        words = shlex.split(line)
    except ValueError:
        raise refused(number, ValueError("a quotation mark is never closed")) from None
    fields: dict[str, Any] = {}
    count: int | None = None
    position = 0
    while position < len(words):
        name = words[position].removeprefix("--").replace("-", "_")
        values = _values(words, position + 1)
        position += 1 + len(values)
        if name in _COUNTS:
            count = (count or 1) * _whole(number, name, values)
        elif name in _IGNORED:
            continue
        elif name == "tiling" and (not values or values[0].lower() in ("true", "false")):
            fields["tiling"] = "both" if not values or values[0].lower() == "true" else "off"
        elif _NAMES.get(name, name) in Recipe.model_fields:
            if not values:
                raise refused(number, ValueError(f"--{name} has no value"))
            fields[_NAMES.get(name, name)] = " ".join(values)
        else:
            near = get_close_matches(name, [*_NAMES, *Recipe.model_fields], n=3, cutoff=0.4)
            advice = f"; near it: {', '.join(near)}" if near else ""
            raise refused(number, ValueError(f"--{name} is no flag{advice}"))
    return Line(number, fields, count)


def _values(words: list[str], start: int) -> list[str]:
    """The words up to the next flag: prompts are often left without quotation marks."""
    end = start
    while end < len(words) and not words[end].startswith("--"):
        end += 1
    return words[start:end]


def _whole(number: int, name: str, values: list[str]) -> int:
    try:
        return int(" ".join(values))
    except ValueError:
        raise refused(number, ValueError(f"--{name} takes a whole number")) from None
