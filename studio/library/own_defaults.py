"""Reads ``studio.toml``, by which a checkpoint brings its own defaults.

It lies beside ``model_index.json`` in a diffusers folder, or as ``<name>.studio.toml`` beside a single file:

    title = "Studio starter"
    notes = "Made for 128 px; say one thing and one background."
    [defaults]
    sampler = "DPM++ 2M"
    steps = 20
    guidance_scale = 4
    clip_skip = 1
    size_px = 128
    prediction = "v_prediction"
    zero_snr = true

A value that cannot be used is left out and said in a warning on the card: a slip there must not cost a checkpoint.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from studio.errors import InvalidField, UnknownSampler
from studio.library import card_fields
from studio.library.card import OwnDefaults
from studio.recipe.limits import LIMITS, check_size
from studio.sampling.catalogue import find_sampler

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER_FILE = "studio.toml"
SINGLE_FILE_SUFFIX = ".studio.toml"
_MOST_BYTES = 100_000
_MOST_CHARACTERS = 2_000


def read_own_defaults(file: Path) -> tuple[OwnDefaults, str | None]:
    """What ``file`` says, and a warning about what in it cannot be used. A file that is not there says nothing."""
    try:
        if file.stat().st_size > _MOST_BYTES:
            return OwnDefaults(), f"{file.name} is too long to be a list of defaults, so it was left out."
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return OwnDefaults(), None
    except (OSError, ValueError) as error:
        return OwnDefaults(), f"{file.name} cannot be read and was left out: {error}."
    table = content.pop("defaults", {})
    given = {**content, **(table if isinstance(table, dict) else {"defaults": table})}
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for name, value in given.items():
        try:
            values[name] = _CHECKS[name](value) if name in _CHECKS else _unknown(name)
        except (InvalidField, UnknownSampler, TypeError, ValueError) as error:
            values.pop(name, None)
            wrong.append(str(error))
    return OwnDefaults(**values), f"In {file.name}: {'; '.join(wrong)}." if wrong else None


def _unknown(name: str) -> Any:
    raise InvalidField(name, "is not known", ", ".join(_CHECKS))


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _MOST_CHARACTERS:
        raise ValueError(f"a text of up to {_MOST_CHARACTERS:,} characters is wanted, not {str(value)[:40]!r}")
    return value


def _number(field: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        limit = LIMITS[field]
        if isinstance(value, bool) or not isinstance(value, int if limit.whole else (int, float)):
            raise InvalidField(field, f"{value!r} is not a number of that sort", str(limit))
        limit.check(field, value)
        return value if limit.whole else float(value)

    return check


def _size(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidField("size_px", f"{value!r} is not a whole number")
    check_size("size_px", value, int(LIMITS["width_px"].most))
    return value


def _sampler(value: Any) -> str:
    return find_sampler(_text(value))[0].name


_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "title": _text,
    "notes": _text,
    "sampler": _sampler,
    "steps": _number("steps"),
    "guidance_scale": _number("guidance_scale"),
    "clip_skip": _number("clip_skip"),
    "vae": _text,
    "size_px": _size,
    "prediction": card_fields.prediction,
    "zero_snr": card_fields.zero_snr,
}
