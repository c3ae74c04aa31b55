"""How much work a picture is, before anything was measured: pixels times steps, over all passes."""

from __future__ import annotations

from studio.recipe.model import Mode, ResolvedRecipe


def pixel_steps(recipe: ResolvedRecipe) -> int:
    """Pixels times the steps that are run on them; a picture that is only finished counts its pixels once."""
    steps = 1.0 if recipe.mode is Mode.FINISH else float(recipe.steps)
    if recipe.mode in (Mode.IMAGE, Mode.INPAINT):
        steps = max(1.0, steps * recipe.denoising_strength)
    first = recipe.width_px * recipe.height_px * steps
    if not recipe.has_second_pass:
        return round(first)
    again = max(1.0, recipe.hires_steps * recipe.hires_denoising_strength)
    return round(first + recipe.hires_width_px * recipe.hires_height_px * again)
