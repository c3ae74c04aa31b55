"""The table of commands, and the one place where an error becomes a sentence in the terminal."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from studio import __version__
from studio.cli import (
    bench,
    catalogue,
    doctor,
    finish,
    gallery,
    generate,
    links,
    presets,
    prompt,
    queue,
    read,
    serve,
    training,
    upkeep,
    users,
    vary,
    wildcards,
)
from studio.errors import StudioError

app = typer.Typer(
    name="studio",
    help="Latent Studio: a browser studio for Stable Diffusion. Without a command it serves the page.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("serve")(serve.serve)
app.command("generate")(generate.generate)
app.command("finish")(finish.finish)
app.command("vary")(vary.vary)
app.command("read")(read.read)
app.add_typer(catalogue.models, name="models")
app.add_typer(presets.app, name="presets")
app.add_typer(wildcards.app, name="wildcards")
app.add_typer(prompt.app, name="prompt")
app.command("samplers")(catalogue.samplers)
app.add_typer(gallery.app, name="gallery")
app.add_typer(queue.app, name="queue")
app.add_typer(users.app, name="users")
app.add_typer(links.app, name="links")
app.add_typer(bench.app, name="bench")
app.add_typer(training.app, name="train-starter")
app.command("backup")(upkeep.backup)
app.command("restore")(upkeep.restore)
app.command("tidy")(upkeep.tidy)
app.command("doctor")(doctor.doctor)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"latent-studio {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def studio(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Serve the page when no command is given."""
    if context.invoked_subcommand is None:
        serve.serve()


def main() -> None:
    """Run the command line; a `StudioError` ends it with its sentence and exit code 1."""
    try:
        app()
    except StudioError as error:
        typer.secho(f"studio: {error}", fg=typer.colors.RED, err=True)
        sys.exit(1)
