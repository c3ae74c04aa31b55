"""What a recipe starts from, checked before anything is queued: the source, the mask, and that there is work to do."""

from __future__ import annotations

from studio.errors import InvalidField
from studio.recipe.model import Mode, Recipe
from studio.recipe.offer import Offer, SourceFacts, UpscalerFacts

_CHOOSE = "a picture: upload one, or send one here from the gallery"
ADJUSTMENTS = ("brightness", "contrast", "saturation", "temperature", "sharpness")


def check_start(recipe: Recipe, offer: Offer) -> SourceFacts | None:
    """The facts of the source, ``None`` for text to image.

    Raises:
        InvalidField: a mode without its source, nothing to paint, or a mask that does not fit.
        NotFound: a source or mask that is not stored.
    """
    if recipe.mode is Mode.TEXT:
        return None
    if not recipe.source:
        raise InvalidField("source", "is missing", _CHOOSE)
    source = offer.source(recipe.source)
    if recipe.mode is Mode.INPAINT:
        _check_mask(recipe, source, offer)
    return source


def check_finish(recipe: Recipe, upscaler: UpscalerFacts) -> None:
    """Raise `InvalidField` for a finish that would change nothing."""
    if recipe.mode is not Mode.FINISH:
        return
    enlarges = recipe.upscale > 1 and upscaler.name != "None"
    if not enlarges and all(getattr(recipe, name) == 0 for name in ADJUSTMENTS):
        raise InvalidField("mode", "there is nothing to finish", "a second pass, an upscaler, or an adjustment")


def _check_mask(recipe: Recipe, source: SourceFacts, offer: Offer) -> None:
    extends = any(getattr(recipe, f"outpaint_{side}_px") for side in ("left", "right", "top", "bottom"))
    if recipe.mask:
        mask = offer.source(recipe.mask)
        if not _fits(mask, source):
            raise InvalidField(
                "mask",
                f"{mask.width_px}x{mask.height_px} does not fit the picture",
                f"{source.width_px}x{source.height_px}, or the same aspect",
            )
        blank = mask.is_white if recipe.mask_invert else mask.is_black
    else:
        blank = not source.has_alpha and not recipe.mask_invert
    if blank and not extends:
        raise InvalidField("mask", "there is nothing to paint", "some white, some transparency, or a side to extend")


def _fits(mask: SourceFacts, source: SourceFacts) -> bool:
    """The same aspect within one percent: masks of smaller previews are common, those of other pictures a mistake."""
    ours, theirs = source.width_px * mask.height_px, mask.width_px * source.height_px
    return abs(ours - theirs) <= 0.01 * ours
