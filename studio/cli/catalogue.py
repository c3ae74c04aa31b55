"""``studio presets`` and ``studio samplers``: what there is to choose from."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from studio.cli.flags import AsJson, Home
from studio.cli.models import models

__all__ = ["models", "presets", "samplers"]

presets = typer.Typer(help="Presets: partial recipes by name.", no_args_is_help=True)


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
