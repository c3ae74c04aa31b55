"""The prompts of an order, understood: templates become words, words become LoRAs and embeddings of the library.

It joins prompt language, wildcards and library, none of which knows the others. What chance chooses is settled here,
when pictures are ordered: wildcard files may have changed by the time they are made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from studio.adapters import with_adapters
from studio.learned_words import Vocabulary, with_learned_words
from studio.library import Library
from studio.library.card import ModelCard
from studio.prompt import parse
from studio.prompt.template import is_template
from studio.prompt.tokenizer import FileTokenizer
from studio.prompt.unfold import Wildcards, unfold
from studio.recipe import ResolvedRecipe
from studio.recipe.templates import Templates
from studio.wildcards import Shelf

DRAWN = (
    "prompt",
    "negative_prompt",
    "hires_prompt",
    "hires_negative_prompt",
    "adapters",
    "hires_adapters",
    "learned_words",
)
"""Fields of a resolved recipe that chance has a part in where a prompt is a template."""


@dataclass(frozen=True)
class Prompts:
    """Understands prompts with what is in ``library`` and on the ``wildcards`` shelf."""

    library: Library
    wildcards: Shelf

    def understood(self, resolved: ResolvedRecipe, count: int = 1) -> list[ResolvedRecipe]:
        """The recipes of a job's pictures, each with its own words where a prompt is a template.

        Raises:
            PromptError: a prompt or template that cannot be used, named with the column.
            DamagedModel, UnsupportedModel: a file that a prompt names and that cannot be used.
        """
        templates = templates_of(resolved)
        if not templates.typed():
            read_once = self._read(resolved)
            return [read_once.for_picture(index) for index in range(count)]
        draw = self.wildcards.snapshot()
        read: dict[tuple[str, ...], ResolvedRecipe] = {}
        pictures = []
        for picture in (resolved.for_picture(index) for index in range(count)):
            words = _unfolded(picture, templates, draw)
            key = tuple(words.values())
            if key not in read:
                read[key] = self._read(resolved.model_copy(update={**words, "templates": templates}))
            found = {name: getattr(read[key], name) for name in (*DRAWN, "templates")}
            pictures.append(picture.model_copy(update=found))
        return pictures

    def _read(self, recipe: ResolvedRecipe) -> ResolvedRecipe:
        """The recipe with the adapters and embeddings that its prompts name."""
        fields = ["prompt", "negative_prompt"]
        if recipe.has_second_pass:
            fields += ["hires_prompt", "hires_negative_prompt"]
        plans = {name: parse(getattr(recipe, name), name, recipe.steps) for name in fields}
        if not recipe.checkpoint_sha256:
            return recipe
        first = plans["prompt"].extras
        second = plans["hires_prompt"].extras if recipe.has_second_pass else first
        worn = with_adapters(recipe, first, second, self.library)
        vocabulary = self.vocabulary(self.library.find(recipe.checkpoint_sha256, hashed=False))
        return with_learned_words(worn, plans.values(), vocabulary) if vocabulary else worn

    def vocabulary(self, checkpoint: ModelCard) -> Vocabulary | None:
        """The embeddings that fit a checkpoint; ``None`` where there is no tokenizer to read them with."""
        folder = checkpoint.tokenizer_dir
        return Vocabulary(self.library, checkpoint.family, FileTokenizer.cached(folder)) if folder else None


def templates_of(recipe: ResolvedRecipe) -> Templates:
    """The prompts of a recipe that are templates. A second pass that says what the first does has none of its own."""
    found = {}
    for name in Templates.model_fields:
        text = getattr(recipe, name)
        first = getattr(recipe, name.removeprefix("hires_"))
        if is_template(text) and (name == name.removeprefix("hires_") or text != first):
            found[name] = text
    return Templates(**found)


def changes_of(pictures: Sequence[ResolvedRecipe]) -> list[Mapping[str, Any] | None]:
    """What each picture's recipe has otherwise than its job's, which is the first one's, and its place say."""
    first = pictures[0]
    told = [first.for_picture(index) for index in range(len(pictures))]
    return [_difference(picture, expected) for picture, expected in zip(pictures, told, strict=True)]


def with_prompt(recipe: ResolvedRecipe, text: str) -> ResolvedRecipe:
    """The recipe with another prompt, in a second pass that says the same too."""
    second = {"hires_prompt": text} if recipe.hires_prompt == recipe.prompt else {}
    return recipe.model_copy(update={"prompt": text, **second})


def _difference(picture: ResolvedRecipe, expected: ResolvedRecipe) -> Mapping[str, Any] | None:
    if picture == expected:
        return None
    there, meant = picture.model_dump(mode="json"), expected.model_dump(mode="json")
    return {name: value for name, value in there.items() if value != meant[name]}


def _unfolded(recipe: ResolvedRecipe, templates: Templates, draw: Wildcards) -> dict[str, str]:
    words = {name: unfold(getattr(recipe, name), recipe.seed, draw, name) for name in Templates.model_fields}
    for name in ("prompt", "negative_prompt"):
        if getattr(recipe, f"hires_{name}") == getattr(recipe, name):
            words[f"hires_{name}"] = words[name]
    return words
