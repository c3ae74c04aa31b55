"""``studio queue``: one's own jobs in a running studio, listed, paused, moved, cancelled and tried again.

A job is named by its id or as much of the beginning of it as is its alone.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from studio.cli.flags import AsJson, Home
from studio.errors import Conflict, NotFound, SetupError

if TYPE_CHECKING:
    from studio.client import StudioClient

app = typer.Typer(help="Your jobs in the running studio.", no_args_is_help=True)

Job = Annotated[str, typer.Argument(help="Id of the job, or the beginning of it.")]
JobOrAll = Annotated[str | None, typer.Argument(help="Id of the job, or the beginning of it; none: all of yours.")]
Server = Annotated[str | None, typer.Option(help="Address of the studio; else the one on the home folder.")]


@app.command("list")
def list_jobs(home: Home = None, server: Server = None, as_json: AsJson = False) -> None:
    """Show your jobs in line: how far they are, and when they should begin and end."""
    with _client(home, server) as client:
        queue = client.queue()
    if as_json:
        typer.echo(json.dumps(queue, indent=2))
        return
    for number, job in enumerate(queue["jobs"], start=1):
        typer.echo(f"{number:>3}  {job['id'][:12]:12}  {_words(job):40}  {job['recipe']['prompt'][:60]}".rstrip())
    for job in queue["ended"]:
        typer.echo(f"  -  {job['id'][:12]:12}  {_words(job):40}  {job['recipe']['prompt'][:60]}".rstrip())
    if not queue["jobs"]:
        typer.echo("Nothing of yours waits.")
    others = queue["others"]
    if others["pictures"]:
        typer.echo(f"Others have {others['pictures']} pictures waiting or on their way.")


@app.command("pause")
def pause(job: JobOrAll = None, home: Home = None, server: Server = None) -> None:
    """Take no more pictures of a job, or of all yours; those on their way are finished."""
    with _client(home, server) as client:
        if job is None:
            typer.echo(_counted(client.pause_all(), "paused"))
            return
        client.pause(_id(client, job))
    typer.echo("Paused.")


@app.command("resume")
def resume(job: JobOrAll = None, home: Home = None, server: Server = None) -> None:
    """Go on with a paused job, or with all of yours."""
    with _client(home, server) as client:
        if job is None:
            typer.echo(_counted(client.resume_all(), "going on"))
            return
        client.resume(_id(client, job))
    typer.echo("It goes on.")


@app.command("move")
def move(
    job: Job,
    place: Annotated[int, typer.Argument(help="Its new place among your jobs; 1 is the next.", min=1)],
    home: Home = None,
    server: Server = None,
) -> None:
    """Put a job at another place among yours; nobody else's turn changes."""
    with _client(home, server) as client:
        client.move(_id(client, job), place)
        ids = [one["id"] for one in client.queue()["jobs"]]
    typer.echo("  ".join(f"{number}: {one[:12]}" for number, one in enumerate(ids, start=1)))


@app.command("cancel")
def cancel(job: Job, home: Home = None, server: Server = None) -> None:
    """Cancel what is not finished of a job."""
    with _client(home, server) as client:
        told = client.cancel(_id(client, job))
    typer.echo(f"Cancelled; {told['done']} of {told['count']} pictures were made.")


@app.command("retry")
def retry(job: Job, home: Home = None, server: Server = None) -> None:
    """Queue the failed and cancelled pictures of a job again, with the seeds they had."""
    with _client(home, server) as client:
        told = client.retry(_id(client, job))
    typer.echo(f"{told['count'] - told['done']} pictures are in the queue again.")


@app.command("clear")
def clear(home: Home = None, server: Server = None) -> None:
    """Show your jobs that have ended no more in the queue; their pictures stay."""
    with _client(home, server) as client:
        typer.echo(_counted(client.clear_queue(), "cleared away"))


@contextlib.contextmanager
def _client(home: Home, server: str | None) -> Iterator[StudioClient]:
    from studio.client import StudioClient

    if server is not None:
        with StudioClient(server) as client:
            yield client
        return
    from studio.accounts.secrets import HomeSecret
    from studio.settings import load_settings
    from studio.store.lock import is_locked, running_address

    paths = load_settings(home=home).paths
    address = running_address(paths.home) if is_locked(paths.home) else None
    if address is None:
        raise SetupError(f"No studio is running on {paths.home}. Start it by: studio serve")
    with StudioClient(address, key=HomeSecret(paths.secret_file).machine_key) as client:
        yield client


def _id(client: StudioClient, beginning: str) -> str:
    queue = client.queue()
    known = [job["id"] for job in (*queue["jobs"], *queue["ended"])]
    found = [beginning] if beginning in known else [one for one in known if one.startswith(beginning)]
    if not found:
        raise NotFound(f"You have no job {beginning!r} in the queue. `studio queue list` shows them.")
    if len(found) > 1:
        raise Conflict(f"{len(found)} of your jobs begin with {beginning!r}. Write more of the id.")
    return str(found[0])


def _words(job: dict[str, Any]) -> str:
    made = f"{job['done']} of {job['count']}"
    if job["state"] in ("done", "failed", "cancelled"):
        return f"{job['state']}, {made}"
    if job["paused"]:
        return f"paused, {made}"
    if job["ends_in_s"] is None:
        return f"{job['state']}, {made}"
    starts = f"begins in {_duration(job['starts_in_s'])}, " if job["state"] == "queued" else f"{made}, "
    return f"{starts}ends in {_duration(job['ends_in_s'])}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _counted(count: int, what: str) -> str:
    return f"{count} {'job' if count == 1 else 'jobs'} {what}."
