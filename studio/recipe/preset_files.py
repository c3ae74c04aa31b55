"""Presets as TOML files: read with everything that is wrong with one said in words, and written.

A file holds ``title``, ``notes``, ``family``, ``tags``, ``example``, ``default_for`` and a table ``[recipe]`` whose
keys are fields of a recipe. One that is handed on carries its picture in ``thumbnail``, as base64. A broken file is
named in `Preset.problem` and never stops the others.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.errors import InvalidField
from studio.recipe.model import Recipe
from studio.recipe.presets import DEFAULTS_FOR, PICTURE_FIELDS, Preset

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST_BYTES = 1_000_000
MOST_CHARACTERS = {"title": 80, "notes": 2_000, "family": 40, "example": 400, "default_for": 10}
MOST_TAGS = 20
KEYS = (*MOST_CHARACTERS, "tags", "thumbnail", "recipe")


def read_preset(file: Path) -> Preset:
    """The preset in ``file``; what is wrong with it is its ``problem``."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise InvalidField("file", "it is too long for a preset", f"up to {MOST_BYTES:,} bytes")
        return parse_preset(file.read_bytes(), file.stem)
    except OSError as error:
        return Preset(file.stem, file.stem, problem=f"the file cannot be read: {error.strerror or error}")
    except InvalidField as error:
        return Preset(file.stem, _title_at_least(file), problem=str(error))


def parse_preset(data: bytes, name: str) -> Preset:
    """The preset that ``data`` describes. Raises `InvalidField` that names the key, or the line."""
    content = _table(data)
    for key in content:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, n=3, cutoff=0.5)
            raise InvalidField(key[:80], "is not a key of a preset", ", ".join(near or KEYS))
    texts = {key: _text(content, key) for key in MOST_CHARACTERS}
    fields = content.get("recipe", {})
    if not isinstance(fields, dict):
        shown = repr(fields)[:40]
        raise InvalidField("recipe", f"{shown} is no table", "the line [recipe], and the fields of a recipe below it")
    return checked(
        Preset(
            name=name,
            title=texts["title"].strip() or name,
            notes=texts["notes"],
            family=texts["family"],
            tags=_tags(content.get("tags", [])),
            example=texts["example"],
            default_for=texts["default_for"],
            fields=fields,
        )
    )


def checked(preset: Preset) -> Preset:
    """``preset``, its recipe's values as a recipe writes them. Raises `InvalidField` for what cannot be."""
    for key, most in MOST_CHARACTERS.items():
        text = getattr(preset, key)
        if len(text) > most:
            raise InvalidField(key, "is too long", f"up to {most:,} characters")
        if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
            raise InvalidField(key, "holds a character that no file can keep", "text")
    if preset.default_for not in DEFAULTS_FOR:
        allowed = ", ".join(one or '""' for one in DEFAULTS_FOR)
        raise InvalidField("default_for", f"{preset.default_for[:40]!r} is no kind of checkpoint", allowed)
    tags = tuple(dict.fromkeys(tag.strip() for tag in preset.tags if tag.strip()))
    if len(tags) > MOST_TAGS or any(len(tag) > 40 for tag in tags):
        raise InvalidField("tags", "are too many or too long", f"up to {MOST_TAGS} of up to 40 characters")
    for name in PICTURE_FIELDS:
        if name in preset.fields:
            raise InvalidField(name, "a preset cannot bring a picture; take the line out")
    written = Recipe().with_fields(preset.fields).model_dump(mode="json")
    return replace(
        preset,
        title=" ".join(preset.title.split()),
        notes=preset.notes.strip().replace("\r\n", "\n"),
        family=" ".join(preset.family.split()),
        tags=tags,
        example=preset.example.strip(),
        fields={name: written[name] for name in preset.fields},
    )


def thumbnail_in(data: bytes) -> bytes | None:
    """The picture that a preset's file brings, as it is. Raises `InvalidField`."""
    text = _text(_table(data), "thumbnail")
    if not text:
        return None
    try:
        return base64.b64decode(text.rpartition(",")[2], validate=True)
    except (binascii.Error, ValueError):
        raise InvalidField("thumbnail", "is not a picture", "a WebP, PNG or JPEG file as base64") from None


def write_preset(preset: Preset, thumbnail: bytes | None = None) -> bytes:
    """The file for ``preset``; with a thumbnail it is whole in itself. Raises `InvalidField` for odd characters."""
    lines = [f"title = {_value(preset.title)}"]
    for key in ("notes", "family", "tags", "example", "default_for"):
        if value := getattr(preset, key):
            lines.append(f"{key} = {_value(list(value) if key == 'tags' else value)}")
    if thumbnail:
        lines.append(f"thumbnail = {_value(base64.b64encode(thumbnail).decode())}")
    fields = (f"{name} = {_value(value)}" for name, value in preset.fields.items() if value is not None)
    try:
        return ("\n".join([*lines, "", "[recipe]", *fields]) + "\n").encode()
    except UnicodeEncodeError:
        raise InvalidField("preset", "it holds half of a surrogate pair, which no file can keep", "text") from None


def _table(data: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(data.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        raise InvalidField("file", f"byte {error.start + 1:,} is not UTF-8", "text saved as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        raise InvalidField("file", f"it is no TOML: {said[:1].lower()}{said[1:]}") from None
    except RecursionError:
        raise InvalidField("file", "its values are nested too deep") from None


def _text(content: Mapping[str, Any], key: str) -> str:
    value = content.get(key, "")
    if not isinstance(value, str):
        raise InvalidField(key, f"{str(value)[:40]} is no text", "text in quotes")
    return value


def _tags(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise InvalidField("tags", f"{str(value)[:40]} is no list of words", '["one", "two"]')
    return tuple(value)


def _title_at_least(file: Path) -> str:
    """The title of a file of which something else is wrong, so that it is found under its name all the same."""
    try:
        title = _table(file.read_bytes()).get("title")
    except (OSError, InvalidField):
        return file.stem
    return title[: MOST_CHARACTERS["title"]] if isinstance(title, str) and title.strip() else file.stem


def _value(value: Any) -> str:
    """A JSON text, number or list is TOML's too, but for the one control character that JSON leaves as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
