"""What the gallery hands out: an `Image` with everything known about it, and a `Page` of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from studio.errors import InvalidField
from studio.recipe import Recipe, ResolvedRecipe
from studio.recipe.templates import Templates, as_typed
from studio.store.tables import ImageRow


@dataclass(frozen=True)
class Image:
    """A picture in the gallery.

    ``recipe`` is ``None`` for a picture from elsewhere (or from a studio with other fields); ``to_recipe()`` still
    gives what could be understood. ``job_id`` and ``index`` say which picture of which job it is, when it is one.
    ``infotext`` is the text other programs read. ``seed`` and ``steps`` are ``None`` where the file does not say.
    ``parent_id`` is the image it was made from, which may have been deleted since.
    """

    id: str
    owner: str
    job_id: str | None
    index: int | None
    file: str
    sha256: str
    width_px: int
    height_px: int
    prompt: str
    negative_prompt: str
    checkpoint: str
    sampler: str
    seed: int | None
    steps: int | None
    recipe: ResolvedRecipe | None
    recipe_fields: Mapping[str, Any] | None
    notes: Mapping[str, str]
    infotext: str
    created_at: datetime
    favourite: bool
    binned_at: datetime | None
    parent_id: str | None = None

    def to_recipe(self) -> Recipe | None:
        """The recipe for the form, as far as it is known; ``None`` when nothing is."""
        if self.recipe is not None:
            return self.recipe.to_recipe()
        if self.recipe_fields is None:
            return None
        known = {name: value for name, value in self.recipe_fields.items() if name in Recipe.model_fields}
        try:
            return Recipe(**known)
        except InvalidField:
            return None

    def to_typed_recipe(self) -> Recipe | None:
        """As `to_recipe`, with the templates that were typed in place of what became of them."""
        recipe = self.to_recipe()
        if recipe is None:
            return None
        try:
            templates = Templates(**(self.recipe_fields or {}).get("templates", {}))
        except (InvalidField, TypeError):
            return recipe
        return Recipe(**as_typed(recipe.model_dump(), templates))

    def as_dict(self) -> dict[str, Any]:
        """The image as JSON for the wire; it says nothing of where files lie."""
        return {
            "id": self.id,
            "job_id": self.job_id,
            "index": self.index,
            "width_px": self.width_px,
            "height_px": self.height_px,
            "prompt": self.prompt,
            "negative_prompt": self.negative_prompt,
            "checkpoint": self.checkpoint,
            "sampler": self.sampler,
            "seed": self.seed,
            "steps": self.steps,
            "recipe": dict(self.recipe_fields) if self.recipe_fields is not None else None,
            "notes": dict(self.notes),
            "infotext": self.infotext,
            "sha256": self.sha256,
            "created_at": self.created_at.isoformat(),
            "favourite": self.favourite,
            "binned": self.binned_at is not None,
            "parent_id": self.parent_id,
        }


@dataclass(frozen=True)
class Page:
    """Some images, newest first. ``total`` counts all that match; ``next`` is the ``before`` of the page after."""

    images: tuple[Image, ...]
    total: int
    next: str | None


def from_row(row: ImageRow) -> Image:
    """The image of a row."""
    return Image(
        id=row.id,
        owner=row.owner_id,
        job_id=row.job_id,
        index=row.idx,
        file=row.file,
        sha256=row.sha256,
        width_px=row.width_px,
        height_px=row.height_px,
        prompt=row.prompt,
        negative_prompt=row.negative_prompt,
        checkpoint=row.checkpoint,
        sampler=row.sampler,
        seed=row.seed,
        steps=row.steps,
        recipe=_resolved(row.recipe),
        recipe_fields=row.recipe,
        notes=row.notes,
        infotext=row.infotext,
        created_at=row.created_at,
        favourite=row.favourite,
        binned_at=row.binned_at,
        parent_id=row.parent_id,
    )


def _resolved(fields: Mapping[str, Any] | None) -> ResolvedRecipe | None:
    if fields is None or "checkpoint_sha256" not in fields:
        return None
    try:
        return ResolvedRecipe(**fields)
    except InvalidField:
        return None
