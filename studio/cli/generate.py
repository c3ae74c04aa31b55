"""``studio generate``: pictures from the terminal, through the same queue as the page.

When a server runs on the home folder the pictures are ordered from it; otherwise a worker is started for as long as it
takes. Either way they land in the gallery. The flags stand in the signature for Typer; `recipe_flags` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from studio.cli import recipe_flags as flags
from studio.cli.flags import Device, Home, Models
from studio.cli.making import make
from studio.cli.orders import Saving
from studio.cli.starts import find_starts
from studio.errors import InvalidField

if TYPE_CHECKING:
    from studio.recipe import Recipe
    from studio.settings import Settings


PLACE_OF_LINES = "{prompt}"


def generate(
    context: typer.Context,
    prompt: Annotated[str | None, typer.Argument(help="What to make.", show_default=False)] = None,
    negative: flags.Negative = None,
    model: flags.Model = None,
    vae: flags.Vae = None,
    sampler: flags.Sampler = None,
    schedule: flags.Schedule = None,
    steps: flags.Steps = None,
    guidance: flags.Guidance = None,
    seed: flags.Seed = None,
    size: flags.Size = None,
    count: Annotated[int, typer.Option(help="How many pictures; the seed counts up.")] = 1,
    matrix: Annotated[bool, typer.Option("--matrix", help="Every combination of the prompt's parts: a|b|c.")] = False,
    prompts_from: Annotated[
        Path | None, typer.Option(help="A text file with a prompt a line, or flags such as --steps 20; - reads them.")
    ] = None,
    preset: Annotated[list[str] | None, typer.Option(help="Preset to lay over it; may be repeated.")] = None,
    tiling: flags.Tiling = None,
    exact: flags.Exact = False,
    mode: flags.Mode = None,
    init: Annotated[Path | None, typer.Option(help="Picture to start from, or a folder: each in turn.")] = None,
    mask: Annotated[Path | None, typer.Option(help="Mask, white to paint; or a folder of the same names.")] = None,
    strength: flags.Strength = None,
    resize: flags.Resize = None,
    masked_content: flags.MaskedContent = None,
    area: flags.Area = None,
    padding: flags.Padding = None,
    blur: flags.Blur = None,
    grow: flags.Grow = None,
    invert: flags.Invert = False,
    soft: flags.Soft = False,
    outpaint: flags.Outpaint = None,
    colour_correction: flags.ColourCorrection = False,
    hires_scale: flags.HiresScale = None,
    hires_size: flags.HiresSize = None,
    hires_upscaler: flags.HiresUpscaler = None,
    hires_steps: flags.HiresSteps = None,
    hires_strength: flags.HiresStrength = None,
    hires_sampler: flags.HiresSampler = None,
    hires_schedule: flags.HiresSchedule = None,
    hires_guidance: flags.HiresGuidance = None,
    hires_prompt: flags.HiresPrompt = None,
    hires_negative: flags.HiresNegative = None,
    upscaler: flags.Upscaler = None,
    upscale: flags.Upscale = None,
    brightness: flags.Brightness = None,
    contrast: flags.Contrast = None,
    saturation: flags.Saturation = None,
    temperature: flags.Temperature = None,
    sharpness: flags.Sharpness = None,
    out: Annotated[Path | None, typer.Option(help="Folder to put copies into.", file_okay=False)] = None,
    format: Annotated[str | None, typer.Option(help="Of the copies: png, jpeg, webp or avif.")] = None,
    quality: Annotated[int | None, typer.Option(help="1 to 100, of copies that lose something.")] = None,
    home: Home = None,
    models: Models = None,
    device: Device = None,
) -> None:
    """Make pictures and say where they are: from a prompt, a picture (--init), a mask (--mask) or sides to add."""
    from studio.settings import load_settings

    starts = find_starts(init, mask)
    lines = _lines(prompts_from, matrix=matrix, has_starts=bool(starts)) if prompts_from is not None else None
    if prompt is None and mode != "finish" and lines is None:
        raise InvalidField("prompt", "is missing", 'words in quotes, such as "a red fox"; "" for none')
    if outpaint is not None and not starts:
        raise InvalidField("outpaint", "only a picture has sides to add to", "--init FILE beside it")
    saving = _saving(format, quality, out)
    settings = load_settings(home=home, models=models or None, device=device)
    given = context.params if lines is None or prompt is not None else {**context.params, "prompt": PLACE_OF_LINES}
    recipe = _recipe(given, preset or [], settings)
    if starts and mode is None:
        recipe = recipe.with_fields({"mode": _mode(recipe, has_mask=mask is not None or outpaint is not None)})
    make(
        settings,
        recipe,
        starts,
        count,
        out,
        is_batch=init is not None and init.is_dir(),
        saving=saving,
        matrix=matrix,
        lines=lines,
    )


def _lines(file: Path, *, matrix: bool, has_starts: bool) -> str:
    """The text of a file of prompts, ``-`` for what is typed into the command."""
    if matrix or has_starts:
        raise InvalidField("prompts_from", "goes neither with --matrix nor with --init", "one of them")
    if str(file) == "-":
        return typer.get_text_stream("stdin").read()
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidField("prompts_from", f"{file} cannot be read: {error}", "a text file in UTF-8") from None


def _saving(format: str | None, quality: int | None, out: Path | None) -> Saving:
    if format is None and quality is None:
        return Saving()
    from studio.pictures.formats import find_format

    if out is None:
        raise InvalidField("format", "only copies have one: the gallery keeps PNG files", "--out FOLDER beside it")
    chosen = find_format(format or "png", quality)
    return Saving(chosen.name, chosen.suffix, quality)


def _recipe(given: Mapping[str, Any], presets: Sequence[str], settings: Settings) -> Recipe:
    """The recipe of the flags: presets lie over the prompts, every other flag over the presets."""
    from studio.recipe import Recipe
    from studio.recipe.presets import apply_all
    from studio.services import LOCAL_OWNER, presets_alone

    fields = flags.fields_of(given)
    prompts = {name: fields.pop(name) for name in ("prompt", "negative_prompt") if name in fields}
    recipe = Recipe(**prompts)
    if presets:
        with presets_alone(settings) as known:
            recipe = apply_all(recipe, presets, known.of(LOCAL_OWNER))
    return recipe.with_fields(fields)


def _mode(recipe: Recipe, *, has_mask: bool) -> str:
    """What a source is there for when nobody said: a mask to paint under, or what a preset wants, or the picture."""
    from studio.recipe import Mode

    if has_mask:
        return Mode.INPAINT.value
    return Mode.IMAGE.value if recipe.mode is Mode.TEXT else recipe.mode.value
