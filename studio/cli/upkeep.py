"""``studio backup``, ``studio restore`` and ``studio tidy``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from studio.cli.flags import Home

Target = Annotated[
    Path | None,
    typer.Argument(
        help="A folder that gets one folder for each backup, or a file that ends in .zip.", show_default=False
    ),
]


def backup(
    target: Target = None,
    keep: Annotated[int, typer.Option(min=0, help="How many backups to leave in the folder; 0: all.")] = 0,
    home: Home = None,
) -> None:
    """Back everything up but models, while the studio runs or not; without a target, into backup_folder."""
    from studio.errors import InvalidField
    from studio.settings import load_settings
    from studio.upkeep.backup import back_up

    settings = load_settings(home=home)
    place = target or settings.backup_folder
    if place is None:
        raise InvalidField("target", "say where to, or set backup_folder in settings.toml", "a folder, or a .zip file")
    typer.echo(str(back_up(settings.paths, place, keep)))


def restore(
    backup: Annotated[
        Path, typer.Argument(help="A backup, a folder of backups (the newest is taken), or a .zip file.")
    ],
    home: Home = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Restore over a studio that is there; its files are moved aside.")
    ] = False,
) -> None:
    """Restore a backup into a home, by default an empty one. Nothing is deleted."""
    from studio.settings import load_settings
    from studio.upkeep.restore import restore as bring_back

    done = bring_back(backup, load_settings(home=home).paths, replace=replace)
    typer.echo(str(done))
    if done.damaged:
        raise typer.Exit(1)


def tidy(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    home: Home = None,
) -> None:
    """Delete what nobody needs any more, by the settings; a running studio does so once a day."""
    from studio.cli.beside import open_database
    from studio.gallery import Gallery
    from studio.settings import load_settings
    from studio.upkeep.tidy import Tidying

    settings = load_settings(home=home)
    database = open_database(settings.paths)
    try:
        gallery = Gallery(database, settings.paths)
        tidying = Tidying(gallery, settings.paths, settings.bin_days, settings.unused_days)
        tidied = tidying.look() if dry_run else tidying.clean()
    finally:
        database.close()
    for one in tidied.litter:
        typer.echo(f"{one.kind:10} {one.bytes:>12,} bytes  {one.file}")
    typer.echo(str(tidied))
