"""The form without Gradio: its fields in one order, and the way between their values and a `Recipe`.

An empty field means "whatever suits the checkpoint", or a rolled seed. Generate, presets, pasted text and "use this
recipe" all go through here, so a field added to `FIELDS` and to the form is known to every one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from studio.recipe import Recipe
from studio.recipe.model import AUTO

FIELDS: tuple[str, ...] = (
    "prompt",
    "negative_prompt",
    "checkpoint",
    "sampler",
    "schedule",
    "steps",
    "guidance_scale",
    "seed",
    "width_px",
    "height_px",
    "variation_seed",
    "variation_strength",
    "seed_resize_width_px",
    "seed_resize_height_px",
    "clip_skip",
    "eta",
    "eta_noise_seed_delta",
    "emphasis",
    "noise",
    "exact",
    "tiling",
    "vae",
    "mode",
    "source",
    "source_image",
    "mask",
    "resize_mode",
    "denoising_strength",
    "colour_correction",
    "masked_content",
    "inpaint_area",
    "masked_padding_px",
    "mask_invert",
    "mask_grow_px",
    "mask_blur_x_px",
    "mask_blur_y_px",
    "soft_inpainting",
    "outpaint_left_px",
    "outpaint_right_px",
    "outpaint_top_px",
    "outpaint_bottom_px",
    "hires_scale",
    "hires_width_px",
    "hires_height_px",
    "hires_upscaler",
    "hires_steps",
    "hires_denoising_strength",
    "hires_sampler",
    "hires_schedule",
    "hires_guidance_scale",
    "hires_prompt",
    "hires_negative_prompt",
    "upscaler",
    "upscale",
    "brightness",
    "contrast",
    "saturation",
    "temperature",
    "sharpness",
)
"""Every field of a recipe that the form has; its own name is the field's name everywhere."""

EMPTY_MEANS: dict[str, Any] = {
    name: field.default
    for name, field in Recipe.model_fields.items()
    if isinstance(field.default, (int, float)) and not isinstance(field.default, bool)
}
"""Numbers that the form shows as an empty field: those a recipe has when nobody says otherwise."""

Values = Mapping[str, Any]
"""The form's values by field name; ``None`` is an empty field."""


def recipe_from(values: Values) -> Recipe:
    """The recipe the form describes; what is empty is left out, as the page's own script does.

    Raises:
        InvalidField: a value out of its limits.
    """
    return Recipe(**{name: value for name, value in values.items() if value is not None and value != ""})


def values_from(recipe: Recipe) -> dict[str, Any]:
    """What the form shows for a recipe, in the order of `FIELDS`."""
    return {name: _shown(name, getattr(recipe, name)) for name in FIELDS}


def untouched() -> dict[str, Any]:
    """The values of a form nobody has touched."""
    return values_from(Recipe())


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return None if name in EMPTY_MEANS and value == EMPTY_MEANS[name] else value


def is_auto(value: Any) -> bool:
    """Whether a name leaves the choice to the checkpoint."""
    return value is None or str(value).strip().lower() in ("", AUTO)
