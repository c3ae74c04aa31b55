"""``studio gallery``: find pictures, take in those of other programs, and make the rows again from the files."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from studio.cli import importing
from studio.cli.flags import AsJson, Home

if TYPE_CHECKING:
    from studio.gallery import Gallery

app = typer.Typer(help="The gallery.", no_args_is_help=True)
app.command("import")(importing.import_folders)


@app.command("rebuild")
def rebuild(home: Home = None) -> None:
    """Make the gallery's rows again from the picture files, for when the database was lost."""
    from studio.settings import load_settings
    from studio.store.lock import HomeLock

    # Before the database is opened: opening mends it, which must not happen under a running studio.
    lock = HomeLock.acquire(load_settings(home=home).paths.home)
    try:
        with gallery_of(home, mend=True) as gallery:
            report = gallery.rebuild()
    finally:
        lock.release()
    typer.echo(str(report))


@app.command("search")
def find(
    search: Annotated[
        str, typer.Argument(help="Words, and fields such as steps>20 or sampler:'Euler a'; see docs/gallery.md.")
    ] = "",
    home: Home = None,
    sort: Annotated[str, typer.Option(help="newest, oldest, largest, steps, seed, checkpoint or sampler.")] = "newest",
    limit: Annotated[int, typer.Option(min=1, max=10000, help="Most pictures to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the pictures that a search finds. One that begins with a minus comes after two dashes: -- -dog."""
    from studio.services import LOCAL_OWNER

    with gallery_of(home) as gallery:
        page = gallery.list(LOCAL_OWNER, search=search, sort=sort, limit=limit)
    if as_json:
        typer.echo(json.dumps([image.as_dict() for image in page.images], indent=2))
        return
    for image in page.images:
        seed = "unknown" if image.seed is None else image.seed
        typer.echo(f"{image.id}  seed {seed:<11} {image.prompt[:80]}")
    typer.echo(f"{page.total} in all" if page.total else "No picture is like that.")


@contextlib.contextmanager
def gallery_of(home: Path | None, *, mend: bool = False) -> Iterator[Gallery]:
    """The gallery of a home folder, as long as it is needed."""
    from studio.cli.beside import open_database
    from studio.gallery import Gallery
    from studio.settings import load_settings
    from studio.store import Database

    paths = load_settings(home=home).paths
    database = Database.open(paths.database) if mend else open_database(paths)
    if database.preparation.set_aside is not None:
        typer.secho(str(database.preparation), fg=typer.colors.YELLOW, err=True)
    try:
        yield Gallery(database, paths)
    finally:
        database.close()
