"""What a picture's recipe says, in the columns of its row: the same from a recipe at hand as from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from studio.dialects import Reading, read_texts
from studio.errors import InvalidField
from studio.recipe import ResolvedRecipe
from studio.recipe.metadata import INFOTEXT_KEYWORD, RECIPE_KEYWORD, from_png_text
from studio.recipe.model import AUTO, AUTO_SEED, Mode


@dataclass(frozen=True)
class Description:
    """The part of an image's row that its recipe decides."""

    recipe: dict[str, Any] | None
    notes: dict[str, str]
    infotext: str

    @classmethod
    def of(cls, recipe: ResolvedRecipe, notes: Mapping[str, str], text: Mapping[str, str]) -> Description:
        """That of a picture just made; ``text`` is what goes into its file."""
        return cls(recipe.model_dump(mode="json"), dict(notes), text.get(INFOTEXT_KEYWORD, ""))

    @classmethod
    def from_png_text(cls, text: Mapping[str, str]) -> Description:
        """That of a file, as far as its text can be understood."""
        infotext = text.get(INFOTEXT_KEYWORD, "").replace("\0", " ")
        try:
            own = from_png_text({RECIPE_KEYWORD: text.get(RECIPE_KEYWORD, "")})
            found = None if own else read_texts(text)
        except InvalidField:
            own = found = None
        if own is not None:
            exact = own.resolved or own.recipe
            return cls(exact.model_dump(mode="json"), {**own.unknown, **own.notes}, infotext)
        if found is None:
            return cls(None, {}, infotext)
        told = found.recipe.model_dump(mode="json")
        if found.templates.typed():
            told["templates"] = found.templates.model_dump()
        return cls(told, _notes(found), infotext)

    def columns(self) -> dict[str, Any]:
        """Column names of `ImageRow` and their values; "auto" is no name, and a seed to roll is none."""
        known = self.recipe or {}
        seed = known.get("seed", AUTO_SEED)
        named = {name: known.get(name, AUTO) for name in ("checkpoint", "sampler")}
        return {
            "prompt": known.get("prompt", ""),
            "negative_prompt": known.get("negative_prompt", ""),
            **{name: "" if value == AUTO else value for name, value in named.items()},
            "seed": None if seed == AUTO_SEED else seed,
            "steps": known.get("steps"),
            "recipe": self.recipe,
            "notes": self.notes,
            "infotext": self.infotext,
            "parent_id": self._parent_id(),
        }

    def _parent_id(self) -> str | None:
        """The image that this one varies or was made from; a source that its mode does not use is none."""
        known = self.recipe or {}
        uses_source = known.get("mode", Mode.TEXT.value) != Mode.TEXT.value
        source = known.get("source_image") if uses_source else None
        return known.get("varied_from") or source or None

    def is_same_picture(self, recipe: Mapping[str, Any] | None) -> bool:
        """Whether a stored recipe makes the very same picture."""
        return self.recipe is not None and self.recipe == recipe


def _notes(found: Reading) -> dict[str, str]:
    """What a recipe has no place for, as it stood, after the program that wrote it."""
    program = {"Made with": found.program} if found.program else {}
    parts = {f"{part.kind} {part.name}": f"{part.weight:g}" for part in found.parts if part.weight is not None}
    return {**program, **parts, **found.unused}
