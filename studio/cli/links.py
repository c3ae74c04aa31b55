"""``studio links``: links to one picture, for whoever has the link. It works beside a running studio."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from studio.cli.flags import Home

if TYPE_CHECKING:
    from studio.gallery.links import Links

app = typer.Typer(help="Links to one picture, which need no login.", no_args_is_help=True)


@app.command("add")
def add(
    image_id: Annotated[str, typer.Argument(help="A picture of the gallery, by its id.")],
    hours: Annotated[float, typer.Option(help="How long it is good; 0: until it is withdrawn.")] = 168,
    show_prompt: Annotated[bool, typer.Option("--show-prompt", help="Say how it was made.")] = False,
    address: Annotated[str, typer.Option(help="Address by which others reach the studio.")] = "",
    home: Home = None,
) -> None:
    """Make a link to a picture and print it, with its QR code."""
    import segno

    from studio.settings import load_settings
    from studio.store.lock import address_for_others
    from studio.store.tables import LOCAL_OWNER

    with _links(home) as links:
        made = links.make(LOCAL_OWNER, image_id, hours or None, show_prompt)
    base = address or address_for_others(load_settings(home=home).paths.home) or "http://127.0.0.1:7860"
    link = f"{base.rstrip('/')}/shared/{made.token}"
    if sys.stdout.isatty():
        segno.make(link, micro=False).terminal(out=sys.stdout, compact=True)
    typer.echo(link)


@app.command("list")
def list_links(home: Home = None) -> None:
    """Show everybody's links that lead to a picture now."""
    with _links(home) as links:
        for link in links.list(None):
            until = f"until {link.expires_at:%Y-%m-%d %H:%M} UTC" if link.expires_at else "until withdrawn"
            typer.echo(f"{link.id}  {link.by}  {until}")


@app.command("withdraw")
def withdraw(
    link_id: Annotated[str, typer.Argument(help="A link, by its id in the list.")],
    home: Home = None,
) -> None:
    """Let a link lead nowhere, whosever it is."""
    with _links(home) as links:
        links.withdraw(link_id, None)
    typer.echo("The link leads nowhere any more.")


@contextlib.contextmanager
def _links(home: Home) -> Iterator[Links]:
    from studio.accounts.secrets import HomeSecret
    from studio.gallery import Gallery
    from studio.gallery.links import Links
    from studio.settings import load_settings
    from studio.store import Database

    paths = load_settings(home=home).paths
    database = Database.open(paths.database)
    try:
        yield Links(database, Gallery(database, paths), HomeSecret(paths.secret_file).seal)
    finally:
        database.close()
