"""Flags that several commands share: each is a setting, and its help is the setting's own sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[
    Path | None,
    typer.Option("--home", help="Folder of settings, database, pictures and models.", file_okay=False),
]
Models = Annotated[
    list[Path] | None,
    typer.Option("--models", help="A further folder to look for models in, read only; may be repeated."),
]
Device = Annotated[str | None, typer.Option("--device", help="Device to compute on: auto, cpu, cuda or cuda:N.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
