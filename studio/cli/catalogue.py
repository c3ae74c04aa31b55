"""``studio models`` and ``studio samplers``: what there is to choose from."""

from __future__ import annotations

import typer

from studio.cli.models import models

__all__ = ["models", "samplers"]


def samplers() -> None:
    """List every sampler with its order, cost, and useful range of steps."""
    from studio.sampling.catalogue import SAMPLERS

    for entry in SAMPLERS:
        steps = f"{entry.steps_low}-{entry.steps_high}"
        typer.echo(f"{entry.name:<18} {steps:>8} steps  {entry.default_schedule:<12} {entry.advice}")
