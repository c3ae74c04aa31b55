"""``studio models``, ``studio presets`` and ``studio samplers``: what there is to choose from."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from studio.cli.flags import AsJson, Home, Models

models = typer.Typer(help="The model library.", no_args_is_help=True)
presets = typer.Typer(help="Presets: partial recipes by name.", no_args_is_help=True)


@models.command("list")
def list_models(home: Home = None, folders: Models = None, as_json: AsJson = False) -> None:
    """List every checkpoint that was found, with its problem if it has one."""
    from studio.services import build_library
    from studio.settings import load_settings

    library = build_library(load_settings(home=home, models=folders or None))
    found = library.checkpoints()
    if as_json:
        typer.echo(json.dumps([checkpoint.as_dict() for checkpoint in found], indent=2))
        return
    for checkpoint in found:
        size = f"{checkpoint.size_bytes / 1e6:,.0f} MB"
        typer.echo(f"{checkpoint.name:<32} {checkpoint.family:<8} {size:>10}  {checkpoint.problem or ''}".rstrip())
    if not found:
        typer.echo("No checkpoints. Put some into the models folder of the home, or name a folder with --models.")


@models.command("info")
def model_info(
    name: Annotated[str, typer.Argument(help="Name, file name or hash of a checkpoint.")],
    home: Home = None,
    folders: Models = None,
) -> None:
    """Show everything that is known of one checkpoint, its hash included."""
    from studio.services import build_library
    from studio.settings import load_settings

    library = build_library(load_settings(home=home, models=folders or None))
    checkpoint = library.find(name)
    typer.echo(json.dumps({**checkpoint.as_dict(), "path": str(checkpoint.path)}, indent=2))


@presets.command("list")
def list_presets(home: Home = None, as_json: AsJson = False) -> None:
    """List every preset, with its problem if it has one."""
    from studio.services import build_presets
    from studio.settings import load_settings

    found = build_presets(load_settings(home=home).paths).values()
    if as_json:
        typer.echo(json.dumps([{**asdict(preset), "fields": dict(preset.fields)} for preset in found], indent=2))
        return
    for preset in found:
        typer.echo(f"{preset.name:<24} {preset.problem or preset.title}")


def samplers() -> None:
    """List every sampler with its order, cost, and useful range of steps."""
    from studio.sampling.catalogue import SAMPLERS

    for entry in SAMPLERS:
        steps = f"{entry.steps_low}-{entry.steps_high}"
        typer.echo(f"{entry.name:<18} {steps:>8} steps  {entry.default_schedule:<12} {entry.advice}")
