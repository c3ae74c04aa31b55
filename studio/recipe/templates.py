"""What a person typed where chance chose the words: the templates of a picture's prompts."""

from __future__ import annotations

from typing import Any

from studio.recipe.base import RecipeModel


class Templates(RecipeModel):
    """The prompts as they were typed, where they are templates (``a {red|blue} cat``); empty for those that are not.

    The picture's seed says what became of them; the recipe's own prompts hold that.
    """

    prompt: str = ""
    negative_prompt: str = ""
    hires_prompt: str = ""
    hires_negative_prompt: str = ""

    def typed(self) -> dict[str, str]:
        """Field and template of each that there is."""
        return {name: text for name in Templates.model_fields if (text := getattr(self, name))}


NO_TEMPLATES = Templates()


def as_typed(prompts: dict[str, Any], templates: Templates) -> dict[str, Any]:
    """The ``prompts`` of a recipe with templates in place of what became of them.

    A second pass that said the same as the first has no words of its own to put back: it says whatever the first does.
    """
    typed = templates.typed()
    same = {
        f"hires_{name}": ""
        for name in ("prompt", "negative_prompt")
        if name in typed and f"hires_{name}" not in typed and prompts.get(f"hires_{name}") == prompts.get(name)
    }
    return {**prompts, **same, **typed}
