"""What a picture file says about itself: two text chunks of a PNG.

Owns their names and contents: ``parameters`` is A1111's infotext, for the rest of the world; ``latent-studio`` is the
resolved recipe as JSON, exact to the last digit and character, and wins when both are there. It refuses to touch
files: a mapping of keyword to text goes in and out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from studio import __version__
from studio.errors import InvalidField
from studio.recipe.infotext import Infotext, read, write
from studio.recipe.model import Recipe, ResolvedRecipe
from studio.recipe.templates import Templates

INFOTEXT_KEYWORD = "parameters"
RECIPE_KEYWORD = "latent-studio"
FORMAT = 1


def to_png_text(recipe: ResolvedRecipe, notes: Mapping[str, str] | None = None) -> dict[str, str]:
    """The text chunks of a picture made by ``recipe``. The JSON is ASCII, so any reader of PNG text can take it."""
    notes = dict(notes or {})
    exact = {
        "format": FORMAT,
        "version": __version__,
        "recipe": recipe.model_dump(mode="json"),
        "notes": notes,
    }
    return {INFOTEXT_KEYWORD: write(recipe, notes), RECIPE_KEYWORD: json.dumps(exact)}


def from_png_text(chunks: Mapping[str, str]) -> Infotext | None:
    """What the text chunks of a picture say, or None when they say nothing about how it was made.

    Raises:
        InvalidField: an infotext, with no exact recipe beside it, whose prompt is longer than a recipe may hold.
    """
    exact = _exact(chunks[RECIPE_KEYWORD]) if RECIPE_KEYWORD in chunks else None
    if exact is not None:
        return exact
    text = chunks.get(INFOTEXT_KEYWORD, "")
    return read(text) if text.strip() else None


def _exact(text: str) -> Infotext | None:
    """The recipe in our JSON; None when it is damaged, so that the infotext beside it gets its turn."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or not isinstance(content.get("recipe"), dict):
        return None
    notes = content.get("notes")
    kept = {str(key): str(value) for key, value in notes.items()} if isinstance(notes, dict) else {}
    return _resolved(content["recipe"], kept) or _partial(content["recipe"], kept)


def _resolved(fields: dict[str, Any], notes: dict[str, str]) -> Infotext | None:
    try:
        resolved = ResolvedRecipe(**fields)
    except InvalidField:
        return None
    return Infotext(
        resolved.to_recipe(), {}, resolved.checkpoint_sha256[:10], notes, resolved, templates=resolved.templates
    )


def _partial(fields: dict[str, Any], notes: dict[str, str]) -> Infotext | None:
    """The recipe of an older or newer studio: the fields we share, the others named as unknown."""
    shared = {key: value for key, value in fields.items() if key in Recipe.model_fields}
    others = {key: str(value) for key, value in fields.items() if key not in ResolvedRecipe.model_fields}
    try:
        recipe = Recipe(**shared)
    except InvalidField:
        return None
    model_hash = str(fields.get("checkpoint_sha256", ""))[:10]
    return Infotext(recipe, others, model_hash, notes, templates=_templates(fields))


def _templates(fields: dict[str, Any]) -> Templates:
    try:
        return Templates(**fields.get("templates", {}))
    except (InvalidField, TypeError):
        return Templates()
