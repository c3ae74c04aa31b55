"""The parts of a recipe about what comes after the first picture: the second pass, upscaling, and adjustments."""

from __future__ import annotations

from studio.recipe.base import RecipeModel

SAME = "same"
"""The second pass takes the sampler or schedule of the first."""

LATENT_UPSCALERS: tuple[str, ...] = (
    "Latent",
    "Latent (antialiased)",
    "Latent (bicubic)",
    "Latent (bicubic antialiased)",
    "Latent (nearest)",
    "Latent (nearest-exact)",
)
"""A1111's names; the first is what an enlarged latent gets by default."""

PLAIN_UPSCALERS: tuple[str, ...] = ("Lanczos", "Nearest")
"""Upscalers that need no model."""

NO_UPSCALER = "None"


class SecondPassFields(RecipeModel):
    """Fields of the second pass (hires fix): the finished picture enlarged and denoised once more.

    ``hires_scale`` 1 and sizes 0 leave it out; a size wins over the scale. Steps 0 and guidance 0 mean those of the
    first pass, empty prompts its prompts.
    """

    hires_scale: float = 1.0
    hires_width_px: int = 0
    hires_height_px: int = 0
    hires_upscaler: str = LATENT_UPSCALERS[0]
    hires_steps: int = 0
    hires_denoising_strength: float = 0.7
    hires_sampler: str = SAME
    hires_schedule: str = SAME
    hires_guidance_scale: float = 0.0
    hires_prompt: str = ""
    hires_negative_prompt: str = ""


class FinishFields(RecipeModel):
    """Fields of the finish, applied to pixels in this order: upscaling, then adjustments.

    Adjustments go from -1 to 1, and 0 changes nothing.
    """

    upscaler: str = NO_UPSCALER
    upscale: float = 1.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    temperature: float = 0.0
    sharpness: float = 0.0
