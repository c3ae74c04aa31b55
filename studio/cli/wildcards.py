"""``studio wildcards``: the lists of words that prompts call by ``__name__``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from studio.cli.flags import AsJson, Home

if TYPE_CHECKING:
    from studio.wildcards import Shelf

app = typer.Typer(help="Wildcards: lists of words that prompts call by __name__.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A name such as colours, with folders (animals/cats); .yaml for a tree.")]


@app.command("list")
def list_files(home: Home = None, as_json: AsJson = False) -> None:
    """List every wildcard file with the names it gives prompts, or its problem."""
    files = _shelf(home).files()
    if as_json:
        typer.echo(json.dumps([file.as_dict() for file in files], indent=2))
        return
    for file in files:
        names = ", ".join(f"__{name}__ ({count})" for name, count in file.names.items())
        typer.echo(f"{file.name:<28} {'yours' if file.own else 'ships':<6} {file.problem or names}")


@app.command("show")
def show(name: Name, home: Home = None) -> None:
    """Print the text of a wildcard file."""
    typer.echo(_shelf(home).text(name), nl=False)


@app.command("set")
def write(
    name: Name,
    file: Annotated[
        Path | None, typer.Argument(help="A text file; without one, what is typed into the command.")
    ] = None,
    home: Home = None,
) -> None:
    """Make or change a wildcard file of yours; a text that cannot be read is refused with its line."""
    from studio.errors import InvalidField

    try:
        text = file.read_text(encoding="utf-8-sig") if file else sys.stdin.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidField("file", f"{file} cannot be read: {error}", "a text file in UTF-8") from None
    saved = _shelf(home).write(name, text)
    typer.echo(f"{saved.name}: " + ", ".join(f"__{one}__ ({count})" for one, count in saved.names.items()))


@app.command("remove")
def remove(name: Name, home: Home = None) -> None:
    """Delete a wildcard file of yours; one that ships comes back from under it."""
    _shelf(home).remove(name)


def _shelf(home: Path | None) -> Shelf:
    from studio.services import build_wildcards
    from studio.settings import load_settings

    return build_wildcards(load_settings(home=home).paths)
