"""Presets: partial recipes with a title, one TOML file each.

A file holds ``title``, ``notes``, ``tags`` and a table ``[recipe]`` whose keys are fields of a recipe; ``{prompt}`` in
its prompt is where the person's own words go. A broken file is named in ``problem`` and never stops the others. It
refuses to bring pictures: a stored source or mask is one person's, and would replace what somebody just drew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.errors import InvalidField, NotFound
from studio.recipe.model import Recipe

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PLACEHOLDER = "{prompt}"
PICTURE_FIELDS = ("source", "mask", "source_image")


@dataclass(frozen=True)
class Preset:
    """A partial recipe. ``problem`` is None for one that can be applied."""

    name: str
    title: str
    notes: str = ""
    tags: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None

    def apply(self, recipe: Recipe) -> Recipe:
        """``recipe`` with this preset's fields laid over it, its own prompt put where ``{prompt}`` stands.

        Raises:
            InvalidField: the preset has a problem, named in the message.
        """
        if self.problem:
            raise InvalidField("preset", f"{self.name} cannot be used: {self.problem}")
        fields = dict(self.fields)
        for name in ("prompt", "negative_prompt"):
            if name in fields:
                fields[name] = _filled(fields[name], getattr(recipe, name))
        return recipe.with_fields(fields)


def _filled(template: str, own: str) -> str:
    if PLACEHOLDER in template:
        return template.replace(PLACEHOLDER, own)
    return ", ".join(part for part in (own, template) if part)


def load_presets(folders: Iterable[Path]) -> dict[str, Preset]:
    """Every ``*.toml`` of ``folders`` by name; a later folder's preset replaces an earlier one of the same name."""
    found: dict[str, Preset] = {}
    for folder in folders:
        for file in sorted(folder.glob("*.toml")):
            found[file.stem] = read_preset(file)
    return found


def read_preset(file: Path) -> Preset:
    """The preset in ``file``; what is wrong with it is its ``problem``."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        fields = content.get("recipe", {})
        Recipe().with_fields(fields)
        for name in PICTURE_FIELDS:
            if name in fields:
                raise InvalidField(name, "a preset cannot bring a picture; take the line out")
        return Preset(
            name=file.stem,
            title=str(content.get("title", file.stem)),
            notes=str(content.get("notes", "")),
            tags=tuple(str(tag) for tag in content.get("tags", ())),
            fields=fields,
        )
    except (OSError, ValueError, TypeError, InvalidField) as error:
        return Preset(name=file.stem, title=file.stem, problem=str(error))


def find_preset(presets: Mapping[str, Preset], name: str) -> Preset:
    """The preset of that name or title, whatever its case. Raises `NotFound` with the names there are."""
    for preset in presets.values():
        if name.lower() in (preset.name.lower(), preset.title.lower()):
            return preset
    raise NotFound(f"There is no preset {name!r}. There are: {', '.join(sorted(presets)) or 'none'}.")
