"""Presets: partial recipes with a title. `preset_files` reads and writes them, `style_files` reads A1111's.

``{prompt}`` in a preset's prompt is where the person's own words go. A preset refuses to bring pictures: a stored
source or mask is one person's, and would replace what somebody just drew.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from studio.errors import InvalidField, NotFound
from studio.recipe.model import AUTO_SEED, Recipe

PLACEHOLDER = "{prompt}"
PROMPTS = ("prompt", "negative_prompt")
PICTURE_FIELDS = ("source", "mask", "source_image")
ONE_PICTURES_FIELDS = (*PICTURE_FIELDS, "mode", "seed", "variation_seed", "variation_strength")
"""What makes one picture rather than a look: left out when a recipe becomes a preset."""

FAMILIES: tuple[str, ...] = (
    "Starter",
    "Looks",
    "Media",
    "Light",
    "Camera",
    "Era",
    "Seamless",
    "Icons",
    "Effort",
    "Few steps",
    "Samplers",
)
"""The families that ship, in the order they are shown; people's own come after them, by name."""

Origin = Literal["shipped", "home", "own"]
"""Ships with the studio; lies in the home's ``presets`` folder, for everybody; belongs to one person."""

DefaultFor = Literal["", "any", "sd1", "sd2", "sdxl"]
DEFAULTS_FOR: tuple[str, ...] = get_args(DefaultFor)
"""What a preset is applied to a form that nobody touched for: every checkpoint, or those of one family."""

_DANGLING = " ,\n"
_MOST_NAME = 60


@dataclass(frozen=True)
class Preset:
    """A partial recipe. ``name`` is its file's; ``problem`` is None for one that can be applied.

    ``example`` stands for the person's own words while they have none. ``thumbnail`` is the file of its picture, and
    ``version`` changes whenever file or picture do.
    """

    name: str
    title: str
    notes: str = ""
    family: str = ""
    tags: tuple[str, ...] = ()
    example: str = ""
    default_for: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None
    origin: Origin = "shipped"
    thumbnail: Path | None = None
    version: str = ""

    def apply(self, recipe: Recipe) -> Recipe:
        """``recipe`` with this preset's fields laid over it, its own prompt put where ``{prompt}`` stands.

        Raises:
            InvalidField: the preset has a problem, named in the message.
        """
        if self.problem:
            raise InvalidField("preset", f"{self.name} cannot be used: {self.problem}")
        return recipe.with_fields(self.laid_over(recipe))

    def laid_over(self, recipe: Recipe) -> dict[str, Any]:
        """The fields this preset sets, its prompts filled with those of ``recipe``."""
        fields = dict(self.fields)
        for name in PROMPTS:
            if name in fields:
                own = getattr(recipe, name)
                fields[name] = filled(fields[name], own or (self.example if name == "prompt" else ""))
        return fields

    def as_dict(self) -> dict[str, Any]:
        """As the REST routes answer it: no folder of this machine in it."""
        told = {**asdict(self), "tags": list(self.tags), "fields": dict(self.fields)}
        del told["thumbnail"]
        return {**told, "has_picture": self.thumbnail is not None}


def filled(template: str, own: str) -> str:
    """A preset's prompt with somebody's own words in it; without a place for them they come first."""
    if PLACEHOLDER not in template:
        return ", ".join(part for part in (own, template) if part)
    text = template.replace(PLACEHOLDER, own)
    return text if own else re.sub(r" {2,}", " ", text).strip(_DANGLING)


def find_preset(presets: Mapping[str, Preset], name: str) -> Preset:
    """The preset of that name or title, whatever its case. Raises `NotFound` with the names there are."""
    if name in presets:
        return presets[name]
    for preset in presets.values():
        if name.casefold() in (preset.name.casefold(), preset.title.casefold()):
            return preset
    raise NotFound(f"There is no preset {name[:80]!r}. There are: {', '.join(sorted(presets)) or 'none'}.")


def apply_all(recipe: Recipe, names: Iterable[str], presets: Mapping[str, Preset]) -> Recipe:
    """``recipe`` with the presets of those names laid over it, one after the other.

    Raises:
        NotFound: there is no such preset.
        InvalidField: one has a problem.
    """
    for name in names:
        recipe = find_preset(presets, name).apply(recipe)
    return recipe


def in_order(presets: Iterable[Preset]) -> list[Preset]:
    """By family, then by name."""
    ranks = {name.casefold(): rank for rank, name in enumerate(FAMILIES)}
    last = len(ranks)
    return sorted(
        presets,
        key=lambda preset: (ranks.get(preset.family.casefold(), last), preset.family.casefold(), preset.name),
    )


def partial_of(recipe: Recipe) -> dict[str, Any]:
    """What of a recipe makes a look: every field that is not as it comes, without what makes one picture."""
    own = recipe.model_dump(mode="json", exclude_defaults=True)
    return {name: value for name, value in own.items() if name not in ONE_PICTURES_FIELDS and value != AUTO_SEED}


def name_for(title: str) -> str:
    """A file's name for a preset of that title. Raises `InvalidField` for one that gives none."""
    plain = unicodedata.normalize("NFKC", title).casefold()
    name = re.sub(r"[^\w]+", "-", plain).strip("-_")[:_MOST_NAME].strip("-_")
    if not name:
        raise InvalidField("title", f"{title[:40]!r} is no title", "some letters or digits")
    return f"preset-{name}" if name in _RESERVED else name


_RESERVED = frozenset(("con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))))
"""Names that Windows keeps for devices."""
