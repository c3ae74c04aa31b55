"""The pairs of an infotext that say where a picture starts: mode, source, mask, and what is done with both.

Keys are A1111's where it has one (1.10: ``Mask blur``, ``Inpaint area``, …), and what goes without saying there is left
out here too. The rest are our own, which other readers skip. The source and mask themselves travel as the beginning of
their hash: enough to tell pictures apart, not to find them, so reading never names a source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from studio.recipe.model import Mode, ResolvedRecipe
from studio.recipe.parameter_line import number_text
from studio.recipe.source import InpaintArea, MaskedContent, ResizeMode, SourceFields

HASH_CHARACTERS = 10
"""As many as A1111 shows of a checkpoint's."""

MODE = "Mode"
STRENGTH = "Denoising strength"
_BLUR = "Mask blur"
_BLURS = {"Mask blur x": "mask_blur_x_px", "Mask blur y": "mask_blur_y_px"}
_PADDING = "Masked area padding"
_YES_NO: Mapping[Any, str] = {False: "False", True: "True"}

Words = Mapping[str, tuple[str, Mapping[Any, str]]]
"""Keys, each with its field and the text of each of its values."""

_SEEN_BY_ALL: Words = {
    "Resize mode": (
        "resize_mode",
        {
            # The words of A1111's form; its text does not say.
            ResizeMode.STRETCH: "Just resize",
            ResizeMode.CROP: "Crop and resize",
            ResizeMode.FILL: "Resize and fill",
            ResizeMode.LATENT: "Just resize (latent upscale)",
        },
    ),
    "Color correction": ("colour_correction", _YES_NO),
}
_OF_MASKS: Words = {
    "Mask mode": ("mask_invert", {False: "Inpaint masked", True: "Inpaint not masked"}),
    "Inpaint area": ("inpaint_area", {InpaintArea.WHOLE: "Whole picture", InpaintArea.MASKED: "Only masked"}),
    "Masked content": (
        "masked_content",
        {
            MaskedContent.FILL: "fill",
            MaskedContent.ORIGINAL: "original",
            MaskedContent.LATENT_NOISE: "latent noise",
            MaskedContent.LATENT_NOTHING: "latent nothing",
        },
    ),
    "Soft inpainting enabled": ("soft_inpainting", _YES_NO),
}
_NUMBERS = {
    _PADDING: "masked_padding_px",
    "Mask grow": "mask_grow_px",
    "Outpaint left": "outpaint_left_px",
    "Outpaint right": "outpaint_right_px",
    "Outpaint top": "outpaint_top_px",
    "Outpaint bottom": "outpaint_bottom_px",
}
_SHOW_A_MASK = (_BLUR, *_BLURS, "Mask mode", "Inpaint area", "Masked content", _PADDING)

SOURCE_KEYS = frozenset(
    (MODE, STRENGTH, "Init image hash", "Mask hash", _BLUR, *_BLURS, *_SEEN_BY_ALL, *_OF_MASKS, *_NUMBERS)
)


def mode_of(pairs: Mapping[str, str], *, has_second_pass: bool) -> Mode:
    """The mode that a text shows: our own word for it, else what its keys give away."""
    named = pairs.get(MODE, "")
    if named in [mode.value for mode in Mode]:
        return Mode(named)
    if any(key in pairs for key in _SHOW_A_MASK):
        return Mode.INPAINT
    # In text to image a strength belongs to the second pass. Very old texts have 0 where there was none.
    is_image = STRENGTH in pairs and pairs[STRENGTH] != "0" and not has_second_pass
    return Mode.IMAGE if is_image else Mode.TEXT


def source_pairs(recipe: ResolvedRecipe) -> Iterator[tuple[str, str]]:
    """What a text says of source and mask; the strength stands elsewhere in it."""
    if recipe.mode is Mode.TEXT:
        return
    if recipe.mode is Mode.INPAINT:
        yield from _mask_pairs(recipe)
    if recipe.mode in (Mode.IMAGE, Mode.INPAINT):
        yield from _worded(recipe, _SEEN_BY_ALL)
    yield MODE, recipe.mode.value


def source_fields(pairs: Mapping[str, str], mode: Mode) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each key that is there with the fields it sets; what A1111 leaves out are our defaults too."""
    yield (MODE if pairs.get(MODE) == mode.value else ""), {"mode": mode}
    if STRENGTH in pairs and mode in (Mode.IMAGE, Mode.INPAINT):
        yield STRENGTH, {"denoising_strength": pairs[STRENGTH]}
    if _BLUR in pairs:
        yield _BLUR, dict.fromkeys(_BLURS.values(), pairs[_BLUR])
    for key, name in {**_BLURS, **_NUMBERS}.items():
        if key in pairs:
            yield key, {name: pairs[key]}
    for key, (name, words) in {**_SEEN_BY_ALL, **_OF_MASKS}.items():
        if key in pairs:
            yield key, {name: value_of(pairs[key], words)}


def value_of(text: str, words: Mapping[Any, str]) -> Any:
    """The value that a text stands for, in any case of letters; what stands for none is answered as it is."""
    return {word.lower(): value for value, word in words.items()}.get(text.lower(), text)


def _mask_pairs(recipe: ResolvedRecipe) -> Iterator[tuple[str, str]]:
    if recipe.mask:
        yield "Mask hash", recipe.mask[:HASH_CHARACTERS]
    if recipe.mask_blur_x_px == recipe.mask_blur_y_px:
        yield _BLUR, str(recipe.mask_blur_x_px)
    else:
        for key, name in _BLURS.items():
            yield key, str(getattr(recipe, name))
    yield from _worded(recipe, _OF_MASKS)
    for key, name in _NUMBERS.items():
        always = key == _PADDING and recipe.inpaint_area is InpaintArea.MASKED
        if always or getattr(recipe, name) != _default(name):
            yield key, number_text(getattr(recipe, name))


def _worded(recipe: ResolvedRecipe, words_of: Words) -> Iterator[tuple[str, str]]:
    for key, (name, words) in words_of.items():
        value = getattr(recipe, name)
        if value != _default(name):
            yield key, words[value]


def _default(name: str) -> Any:
    return SourceFields.model_fields[name].default
