"""``studio train-starter``: make the starter checkpoint again, go on from one, or measure one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from studio.errors import InvalidField

app = typer.Typer(help="Train the small checkpoint that ships.", invoke_without_command=True, no_args_is_help=True)

Artwork = Annotated[
    Path | None,
    typer.Option(help="Folder with the font and the npm package; fetched by name without it.", file_okay=False),
]
Look = Annotated[str | None, typer.Option(help="Restyle the pictures: night or ink.")]
Count = Annotated[int | None, typer.Option(min=1, help="How many held-out combinations to judge.")]
Compute = Annotated[str, typer.Option("--device", help="Device to train on: auto, cpu, cuda or cuda:N.")]


@app.callback()
def train_starter(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option(help="Folder for stage files and the result.", file_okay=False)] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="Minutes of training in all.")] = None,
    device: Compute = "auto",
    artwork: Artwork = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="An exported checkpoint to go on from.", file_okay=False)
    ] = None,
    look: Look = None,
    count: Count = None,
) -> None:
    """Train the starter: stopped at any moment, the same command goes on where it was."""
    if context.invoked_subcommand is not None:
        return
    if out is None:
        raise InvalidField("out", "is missing", "a folder for stage files and the result, --out DIR")
    from studio.training.command import train_starter as train

    typer.echo(str(train(out, minutes, device, artwork, source, look, count)))


@app.command("evaluate")
def evaluate(
    directory: Annotated[Path, typer.Argument(help="An exported checkpoint.", file_okay=False)],
    artwork: Artwork = None,
    out: Annotated[Path | None, typer.Option(help="Folder that keeps the artwork between calls.")] = None,
    look: Look = None,
    count: Count = None,
) -> None:
    """Judge a checkpoint on combinations kept out of training, and write its card beside the weights."""
    from studio.training.command import evaluate as judge

    judge(directory, artwork, out, count, look=look)


@app.command("lora")
def lora(
    source: Annotated[Path, typer.Option("--from", help="The checkpoint to train over.", file_okay=False)],
    out: Annotated[Path, typer.Option(help="Folder for stage files and the result.", file_okay=False)],
    look: Annotated[str, typer.Option(help="The look to learn: night or ink.")] = "ink",
    minutes: Annotated[float, typer.Option(min=0.01, help="Minutes of training.")] = 10.0,
    device: Compute = "auto",
    artwork: Artwork = None,
) -> None:
    """Train a small LoRA of a look over a checkpoint."""
    from studio.training.command import train_lora

    typer.echo(str(train_lora(source, out, look, minutes, device, artwork)))
