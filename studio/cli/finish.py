"""``studio finish``: a picture that is there already, upscaled and adjusted; no network rolls it again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from studio.cli import recipe_flags as flags
from studio.cli.flags import Device, Home, Models
from studio.cli.making import make
from studio.cli.starts import find_starts


def finish(
    context: typer.Context,
    picture: Annotated[Path, typer.Argument(help="Picture to finish, or a folder: each in turn.")],
    upscaler: flags.Upscaler = None,
    upscale: flags.Upscale = None,
    brightness: flags.Brightness = None,
    contrast: flags.Contrast = None,
    saturation: flags.Saturation = None,
    temperature: flags.Temperature = None,
    sharpness: flags.Sharpness = None,
    out: Annotated[Path | None, typer.Option(help="Folder to put copies into.", file_okay=False)] = None,
    home: Home = None,
    models: Models = None,
    device: Device = None,
) -> None:
    """Upscale and adjust a picture; the original stays as it is."""
    from studio.recipe import Mode, Recipe
    from studio.settings import load_settings

    starts = find_starts(picture, None)
    settings = load_settings(home=home, models=models or None, device=device)
    recipe = Recipe(mode=Mode.FINISH, **flags.fields_of(context.params))
    make(settings, recipe, starts, 1, out, is_batch=picture.is_dir())
