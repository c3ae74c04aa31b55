"""Flags that are fields of a recipe, and the fields they set.

What a value may be is the recipe's business: a flag that is wrong is refused by the recipe, in the recipe's words. Here
are only the shapes that a terminal needs: ``512x768``, ``4,8`` and ``64,0,0,32``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from studio.errors import InvalidField

Negative = Annotated[str | None, typer.Option(help="What to keep away from.")]
Model = Annotated[str | None, typer.Option(help="Checkpoint by name, file name or hash.")]
Vae = Annotated[str | None, typer.Option(help="VAE by name or hash; own: the checkpoint's.")]
Sampler = Annotated[str | None, typer.Option(help="Sampler, see `studio samplers`.")]
Schedule = Annotated[str | None, typer.Option(help="Schedule of noise levels.")]
Steps = Annotated[int | None, typer.Option(help="Sampling steps.")]
Guidance = Annotated[float | None, typer.Option(help="Guidance scale: how strongly the prompt pulls.")]
Seed = Annotated[int | None, typer.Option(help="Seed of the first picture; -1 rolls one.")]
Size = Annotated[str | None, typer.Option(help="Width and height in pixels, such as 512x512.")]
Exact = Annotated[bool, typer.Option("--exact", help="The same bytes whatever else is being made.")]
Tiling = Annotated[str | None, typer.Option(help="Seamless: both, horizontal or vertical.")]
Mode = Annotated[str | None, typer.Option(help="text, image, inpaint or finish; by default what the flags show.")]

Strength = Annotated[float | None, typer.Option(help="Denoising strength: 0 keeps the source, 1 ignores it.")]
Resize = Annotated[str | None, typer.Option(help="How the source gets the size: stretch, crop, fill or latent.")]
MaskedContent = Annotated[
    str | None, typer.Option(help="Under the mask at first: original, fill, latent-noise or latent-nothing.")
]
Area = Annotated[str | None, typer.Option(help="What the network sees: whole, or masked (enlarged to the size).")]
Padding = Annotated[int | None, typer.Option(help="Pixels around the mask that it sees too, with --area masked.")]
Blur = Annotated[str | None, typer.Option(help="Blur of the mask in pixels: 4, or 4,8 for across and down.")]
Grow = Annotated[int | None, typer.Option(help="Pixels to grow the mask by; negative ones shrink it.")]
Invert = Annotated[bool, typer.Option("--invert", help="Paint what the mask leaves black.")]
Soft = Annotated[bool, typer.Option("--soft", help="Soft inpainting: greys of the mask mix old and new.")]
Outpaint = Annotated[str | None, typer.Option(help="Pixels to add left, right, top, bottom: 64,64,0,0.")]
ColourCorrection = Annotated[
    bool, typer.Option("--colour-correction", help="Bring the colours back to those of the source.")
]

HiresScale = Annotated[float | None, typer.Option(help="A second pass, larger by this factor.")]
HiresSize = Annotated[str | None, typer.Option(help="A second pass of this size, such as 1024x1024.")]
HiresUpscaler = Annotated[str | None, typer.Option(help="How the second pass enlarges the first.")]
HiresSteps = Annotated[int | None, typer.Option(help="Steps of the second pass; 0: as many as the first.")]
HiresStrength = Annotated[float | None, typer.Option(help="Denoising strength of the second pass.")]
HiresSampler = Annotated[str | None, typer.Option(help="Sampler of the second pass, if another.")]
HiresSchedule = Annotated[str | None, typer.Option(help="Schedule of the second pass, if another.")]
HiresGuidance = Annotated[float | None, typer.Option(help="Guidance scale of the second pass, if another.")]
HiresPrompt = Annotated[str | None, typer.Option(help="Prompt of the second pass, if another.")]
HiresNegative = Annotated[str | None, typer.Option(help="Negative prompt of the second pass, if another.")]

Upscaler = Annotated[str | None, typer.Option(help="Upscaler of the finished picture (Lanczos, Nearest, a model).")]
Upscale = Annotated[float | None, typer.Option(help="How many times larger the upscaler makes it; 2 if not given.")]
Brightness = Annotated[float | None, typer.Option(help="From -1 to 1; 0 changes nothing.")]
Contrast = Annotated[float | None, typer.Option(help="From -1 to 1; 0 changes nothing.")]
Saturation = Annotated[float | None, typer.Option(help="From -1 (grey) to 1; 0 changes nothing.")]
Temperature = Annotated[float | None, typer.Option(help="From -1 (cold) to 1 (warm); 0 changes nothing.")]
Sharpness = Annotated[float | None, typer.Option(help="From -1 (soft) to 1; 0 changes nothing.")]

_FIELDS = {
    "negative": "negative_prompt",
    "model": "checkpoint",
    "guidance": "guidance_scale",
    "strength": "denoising_strength",
    "resize": "resize_mode",
    "area": "inpaint_area",
    "padding": "masked_padding_px",
    "grow": "mask_grow_px",
    "invert": "mask_invert",
    "soft": "soft_inpainting",
    "hires_strength": "hires_denoising_strength",
    "hires_guidance": "hires_guidance_scale",
    "hires_negative": "hires_negative_prompt",
}
"""Flags whose field has another name; those of the same name are in `_SAME`."""

_SAME = (
    *("prompt", "vae", "sampler", "schedule", "steps", "seed", "exact", "tiling", "mode", "masked_content"),
    *("colour_correction", "hires_scale", "hires_upscaler", "hires_steps", "hires_sampler", "hires_schedule"),
    *("hires_prompt", "upscaler", "upscale", "brightness", "contrast", "saturation", "temperature", "sharpness"),
)

DEFAULT_UPSCALE = 2.0
DEFAULT_UPSCALER = "Lanczos"


def fields_of(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a recipe that the given flags set; a flag that was left out sets none.

    Raises:
        InvalidField: a size, blur or outpainting that is not written as one.
    """
    fields = {name: flags.get(flag) for flag, name in _FIELDS.items()} | {name: flags.get(name) for name in _SAME}
    fields |= _size("size", flags.get("size"), "width_px", "height_px")
    fields |= _size("hires_size", flags.get("hires_size"), "hires_width_px", "hires_height_px")
    fields |= _blur(flags.get("blur")) | _outpaint(flags.get("outpaint"))
    given = {name: value for name, value in fields.items() if value is not None and value is not False}
    if "masked_content" in given:
        given["masked_content"] = given["masked_content"].replace("-", "_")
    if "upscaler" in given or "upscale" in given:
        given = {"upscaler": DEFAULT_UPSCALER, "upscale": DEFAULT_UPSCALE, **given}
    return given


def _size(flag: str, text: str | None, width: str, height: str) -> dict[str, int]:
    if text is None:
        return {}
    match = re.fullmatch(r"(\d{1,6})[x×*](\d{1,6})", text.strip().lower())
    if not match:
        raise InvalidField(flag, f"{text!r} is not a size", "WIDTHxHEIGHT in pixels, such as 512x512")
    return {width: int(match[1]), height: int(match[2])}


def _blur(text: str | None) -> dict[str, int]:
    if text is None:
        return {}
    numbers = _numbers("blur", text, (1, 2), "pixels, such as 4, or 4,8 for across and down")
    return {"mask_blur_x_px": numbers[0], "mask_blur_y_px": numbers[-1]}


def _outpaint(text: str | None) -> dict[str, int]:
    if text is None:
        return {}
    numbers = _numbers("outpaint", text, (4,), "pixels to add left, right, top, bottom, such as 64,64,0,0")
    sides = ("left", "right", "top", "bottom")
    return {f"outpaint_{side}_px": number for side, number in zip(sides, numbers, strict=True)}


def _numbers(flag: str, text: str, counts: tuple[int, ...], allowed: str) -> list[int]:
    parts = text.split(",")
    if len(parts) not in counts or not all(re.fullmatch(r"\s*\d{1,6}\s*", part) for part in parts):
        raise InvalidField(flag, f"{text!r} cannot be read", allowed)
    return [int(part) for part in parts]
