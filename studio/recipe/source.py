"""The part of a recipe about where a picture starts: source, mask, and what is done with both."""

from __future__ import annotations

from enum import Enum

from studio.recipe.base import RecipeModel


class ResizeMode(str, Enum):
    """How a source gets the recipe's size: stretched; cut to its aspect; whole, with its edges drawn out; or stretched
    as latents.
    """

    STRETCH = "stretch"
    CROP = "crop"
    FILL = "fill"
    LATENT = "latent"


class MaskedContent(str, Enum):
    """What lies under the mask before denoising: surrounding colours, the source, noise, or nothing."""

    FILL = "fill"
    ORIGINAL = "original"
    LATENT_NOISE = "latent_noise"
    LATENT_NOTHING = "latent_nothing"


class InpaintArea(str, Enum):
    """What the network sees: the whole picture, or only the masked part, enlarged to the recipe's size."""

    WHOLE = "whole"
    MASKED = "masked"


class SourceFields(RecipeModel):
    """Fields of image to image, inpainting and outpainting.

    ``source`` and ``mask`` are the sha256 of stored pictures, empty for none; a mask is white where the picture is to
    be painted anew, and without one an inpainting takes what is transparent in the source. ``source_image`` is the id
    of the gallery's picture that the source is, for the lineage.
    """

    source: str = ""
    mask: str = ""
    source_image: str = ""
    resize_mode: ResizeMode = ResizeMode.STRETCH
    denoising_strength: float = 0.75
    masked_content: MaskedContent = MaskedContent.ORIGINAL
    inpaint_area: InpaintArea = InpaintArea.WHOLE
    masked_padding_px: int = 32
    mask_invert: bool = False
    mask_grow_px: int = 0
    mask_blur_x_px: int = 4
    mask_blur_y_px: int = 4
    soft_inpainting: bool = False
    colour_correction: bool = False
    outpaint_left_px: int = 0
    outpaint_right_px: int = 0
    outpaint_top_px: int = 0
    outpaint_bottom_px: int = 0
