"""Variations of a picture that is there: more like it, with the next preset, with the next checkpoint.

Each is an ordinary recipe with a note of which picture it varies, so its results stand in the lineage. It refuses what
has no recipe to vary, and pictures that no seed decides. Nothing is queued here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from studio.errors import Conflict, InvalidField
from studio.gallery import Image
from studio.recipe import Mode, Recipe
from studio.recipe.model import AUTO_SEED
from studio.recipe.presets import PLACEHOLDER, Preset

MOST_WORDS = 120
STARTER = "starter"
Way = Literal["like", "preset", "checkpoint"]
"""``like``: a ring of variation seeds; ``preset``: same seed, next preset; ``checkpoint``: same recipe, next one."""

STRENGTH = 0.2
"""Near enough that the composition stays: A1111's wiki shows 0.2 to 0.4 as small changes of one picture."""


@dataclass(frozen=True)
class Variation:
    """A recipe, the id of the image that it varies, and in words how."""

    recipe: Recipe
    image_id: str
    words: str

    def lineage(self) -> dict[str, str]:
        """Fields of a `ResolvedRecipe` that say what it varies."""
        return {"varied_from": self.image_id, "varied_by": self.words}


def base_of(image: Image) -> Recipe:
    """The recipe that an image's variations begin from. Raises `Conflict` when there is none."""
    recipe = image.to_recipe()
    if recipe is None:
        raise Conflict("This picture does not say how it was made, so it cannot be varied. Start from it instead.")
    if recipe.mode is Mode.FINISH:
        raise Conflict("This picture was finished from another one, and no seed decides it: vary the one it is from.")
    return recipe


def more_like(image: Image, strength: float = STRENGTH) -> Variation:
    """The picture's seed with a fresh variation seed; a job of several counts it up, all equally far from the picture.

    A picture that is a variation already keeps its seed: its variations lie around the same middle.

    Raises:
        Conflict: it has no recipe, or its seed is not known.
        InvalidField: a strength out of range.
    """
    recipe = base_of(image)
    if recipe.seed == AUTO_SEED:
        raise Conflict("The seed of this picture is not known, so nothing like it can be made. Use its recipe instead.")
    if not 0 < strength <= 1:
        raise InvalidField("strength", f"{strength:g} is out of range", "above 0, up to 1")
    fields = {"variation_strength": strength, "variation_seed": AUTO_SEED}
    return _marked(recipe.with_fields(fields), image, "more like it")


def with_preset(image: Image, middle: Image, presets: Mapping[str, Preset], name: str = "") -> Variation:
    """The same seed with the preset ``name``, or with the one after that of ``image``, round and round in its family.

    ``middle`` is the picture without a preset: presets do not pile up when somebody goes through them, and a prompt
    that one of the family has written is taken out of it first.

    Raises:
        Conflict: there is no preset, or no recipe.
        InvalidField: no such preset, or one with a problem.
    """
    usable = {one: preset for one, preset in presets.items() if not preset.problem}
    if name and name not in presets:
        raise InvalidField(
            "preset", f"there is no preset {name[:40]!r}", ", ".join(list(usable)[:20]) or "none is here"
        )
    recipe = base_of(middle)
    chosen = name or _next_preset(usable, varied_with(image, "preset"), recipe)
    family = [preset for preset in presets.values() if preset.family == presets[chosen].family]
    bare = recipe.with_fields({"prompt": _own_words(recipe.prompt, family)})
    kept = {"seed": recipe.seed, "variation_strength": 0.0}
    return _marked(presets[chosen].apply(bare).with_fields(kept), middle, f"preset {chosen}")


def _next_preset(usable: Mapping[str, Preset], last: str, recipe: Recipe) -> str:
    """The one after ``last`` in its family; for a first one, of the family that suits the checkpoint."""
    families = dict.fromkeys(preset.family for preset in usable.values())
    suiting = "Starter" if recipe.checkpoint.startswith(STARTER) else "Looks"
    family = usable[last].family if last in usable else suiting
    if family not in families:
        family = next(iter(families), "")
    return _next([one for one, preset in usable.items() if preset.family == family], last, "preset")


def _own_words(prompt: str, family: Sequence[Preset]) -> str:
    """What stands in a prompt where a preset of the family has ``{prompt}``; all of it where none has made it."""
    found = [prompt]
    for preset in family:
        before, placeholder, after = str(preset.fields.get("prompt", "")).partition(PLACEHOLDER)
        is_frame = placeholder and (before or after) and PLACEHOLDER not in after
        if is_frame and prompt.startswith(before) and prompt.endswith(after):
            found.append(prompt[len(before) : len(prompt) - len(after)])
    return min((words for words in found if words.strip()), key=len, default=prompt)


def with_checkpoint(image: Image, names: Sequence[str], name: str = "") -> Variation:
    """The same recipe with the checkpoint ``name``, or with the one after its own, round and round.

    Raises:
        Conflict: there is no other checkpoint, or no recipe.
    """
    recipe = base_of(image)
    others = any(one != recipe.checkpoint for one in names)
    chosen = name or _next(names if others else (), recipe.checkpoint, "checkpoint")
    return _marked(recipe.with_fields({"checkpoint": chosen}), image, f"checkpoint {chosen}")


def names_vae(image: Image) -> bool:
    """Whether an image was made with a VAE that is not its checkpoint's own."""
    return bool((image.recipe_fields or {}).get("vae_sha256"))


def varied_with(image: Image, kind: str) -> str:
    """The name of the preset or checkpoint that an image is a variation by; empty for another image."""
    varied_by = str((image.recipe_fields or {}).get("varied_by", ""))
    return varied_by.removeprefix(f"{kind} ") if varied_by.startswith(f"{kind} ") else ""


def _next(names: Sequence[str], name: str, kind: str) -> str:
    if not names:
        raise Conflict(f"There is no other {kind} to go on with. Add one, then try again.")
    return names[(names.index(name) + 1) % len(names)] if name in names else names[0]


def _marked(recipe: Recipe, image: Image, words: str) -> Variation:
    return Variation(recipe, image.id, words[:MOST_WORDS])
