"""``studio gallery import``: other programs' folders, taken in by the running studio, or by this command alone."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from studio.cli.flags import AsJson, Home

if TYPE_CHECKING:
    from studio.settings import Settings

PAUSE_S = 0.3
MOST_NAMED = 20

View = dict[str, Any]


def import_folders(
    folders: Annotated[list[Path], typer.Argument(help="Folders of A1111, Forge, ComfyUI, InvokeAI, Fooocus …")],
    labels: Annotated[
        str, typer.Option("--labels", help="What the names of subfolders become: none, tags or albums.")
    ] = "none",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many, how large, and if they fit.")] = False,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Copy other programs' pictures into the gallery, with what they say of how they were made. Originals stay."""
    from studio.settings import load_settings

    settings = load_settings(home=home)
    names = [str(folder.expanduser().absolute()) for folder in folders]
    view = _last(_imported(settings, names, labels, dry_run), as_json)
    if as_json:
        typer.echo(json.dumps(view, indent=2))
    elif not dry_run:
        typer.echo(_in_words(view))
    if view.get("state") in ("failed", "cancelled"):
        sys.exit(1)


def _imported(settings: Settings, folders: Sequence[str], labels: str, dry_run: bool) -> Iterator[View]:
    """The survey, then the import as it goes on."""
    from studio.store.lock import is_locked, running_address

    home = settings.paths.home
    address = running_address(home) if is_locked(home) else None
    if address:
        yield from _by_server(settings, address, folders, labels, dry_run)
    else:
        yield from _alone(settings, folders, labels, dry_run)


def _by_server(settings: Settings, address: str, folders: Sequence[str], labels: str, dry_run: bool) -> Iterator[View]:
    from studio.accounts.secrets import HomeSecret
    from studio.client import StudioClient

    key = HomeSecret(settings.paths.secret_file).machine_key
    with StudioClient(address, timeout_s=600, key=key) as client:
        answer = client.import_folders(list(folders), labels, dry_run)
        yield answer["survey"]
        if dry_run:
            return
        view = answer["import"]
        try:
            while view["state"] in ("waiting", "running"):
                yield view
                time.sleep(PAUSE_S)
                view = client.import_state(view["id"])
        except KeyboardInterrupt:
            view = client.cancel_import(view["id"])
        yield view


def _alone(settings: Settings, folders: Sequence[str], labels: str, dry_run: bool) -> Iterator[View]:
    from studio.gallery import Gallery
    from studio.gallery.imports import Imports
    from studio.services import LOCAL_OWNER
    from studio.store import Database
    from studio.store.lock import HomeLock

    paths = settings.paths
    lock = HomeLock.acquire(paths.home)  # before the database is opened: opening mends it
    database = Database.open(paths.database)
    try:
        imports = Imports(Gallery(database, paths), paths.home)
        yield imports.survey(folders).as_dict()
        if dry_run:
            return
        ordered = imports.order(LOCAL_OWNER, folders, labels)
        try:
            for view in imports.run(ordered.id):
                yield view.as_dict()
        except KeyboardInterrupt:
            yield imports.cancel(LOCAL_OWNER, ordered.id).as_dict()
    finally:
        database.close()
        lock.release()


def _last(views: Iterator[View], quietly: bool) -> View:
    """The last of them; the others are a bar, and the survey is a line."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("importing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    last = next(views)
    if not quietly:
        typer.echo(_survey_in_words(last))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("", total=last["count"], visible=False)
        for last in views:
            settled = last["imported"] + last["doubles"] + last["skipped"]
            progress.update(bar, completed=settled, total=last["total"], visible=True)
    return last


def _survey_in_words(survey: View) -> str:
    from studio.gallery.folders import Survey

    return str(Survey(**{name: value for name, value in survey.items() if name != "fits"}))


def _in_words(view: View) -> str:
    lines = [f"{view['imported']:,} imported, {view['doubles']:,} here already, {view['skipped']:,} skipped."]
    lines += [f"Skipped: {one['file']} {one['reason']}." for one in view["problems"][:MOST_NAMED]]
    if view["skipped"] > MOST_NAMED:
        lines.append(f"… and {view['skipped'] - MOST_NAMED:,} more; --json names up to 500.")
    if view["state"] == "cancelled":
        lines.append("Cancelled; the same command again goes on.")
    if view["error"]:
        lines.append(view["error"])
    return "\n".join(lines)
