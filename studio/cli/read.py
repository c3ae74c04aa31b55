"""``studio read``: what a picture was made with, and what of that this studio has.

It asks no server and starts no worker: the file and the model folders are enough.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from studio.cli.flags import Home, Models
from studio.cli.starts import read_file


def read(
    file: Annotated[Path, typer.Argument(help="A picture, or a text file with a recipe.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    home: Home = None,
    models: Models = None,
) -> None:
    """Say what a picture was made with, and what of that this studio has or lacks."""
    data = read_file(file)
    from studio.holdings import lines
    from studio.services import build_holdings
    from studio.settings import load_settings

    holdings = build_holdings(load_settings(home=home, models=models or None))
    try:
        stock = holdings.read_file(data)
    finally:
        holdings.library.close()
    typer.echo(json.dumps(stock.as_dict(), indent=2, ensure_ascii=False) if as_json else "\n".join(lines(stock)))
