"""``studio users``: accounts, from a terminal on the machine itself. It works beside a running studio."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from studio.cli.flags import Home

if TYPE_CHECKING:
    from studio.accounts import Accounts

app = typer.Typer(help="Who may use this studio.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the person.")]
FromInput = Annotated[bool, typer.Option("--password-stdin", help="Read the password from the standard input.")]


@app.command("add")
def add(
    name: Name,
    role: Annotated[str, typer.Option(help="admin, member or guest; the first is an admin.")] = "",
    password_stdin: FromInput = False,
    home: Home = None,
) -> None:
    """Make an account. The first takes over what was made without one, and from then on everybody logs in."""
    with _accounts(home) as accounts:
        first = not accounts.people.exist()
        person = accounts.add(name, role or ("admin" if first else "member"), _password(password_stdin))
    typer.echo(f"{person.name} is {person.role} now.")


@app.command("list")
def list_people(home: Home = None) -> None:
    """Show everybody with an account."""
    with _accounts(home) as accounts:
        for person in accounts.people.list():
            ends = f"  until {person.expires_at:%Y-%m-%d %H:%M} UTC" if person.expires_at else ""
            typer.echo(f"{person.role:7} {person.name}{ends}")


@app.command("remove")
def remove(name: Name, home: Home = None) -> None:
    """Take an account away, with its keys and sessions. Pictures stay."""
    with _accounts(home) as accounts:
        accounts.remove(name)
    typer.echo(f"{name} has no account any more.")


@app.command("role")
def role(
    name: Name,
    to: Annotated[str, typer.Argument(metavar="ROLE", help="admin, member or guest.")],
    home: Home = None,
) -> None:
    """Give somebody another role; a guest who becomes a member stays."""
    with _accounts(home) as accounts:
        person = accounts.people.set_role(name, to)
    typer.echo(f"{person.name} is {person.role} now.")


@app.command("password")
def password(name: Name, password_stdin: FromInput = False, home: Home = None) -> None:
    """Give somebody another password; their sessions end."""
    with _accounts(home) as accounts:
        accounts.set_password(name, _password(password_stdin))
    typer.echo(f"{name} has another password now.")


@app.command("key")
def key(
    name: Name,
    purpose: Annotated[str, typer.Option("--for", help="What the key is for.")] = "a program",
    home: Home = None,
) -> None:
    """Make an API key for somebody and print it, this once."""
    with _accounts(home) as accounts:
        made = accounts.keys.make(accounts.people.get(name).id, purpose)
    typer.echo(made.secret)


@app.command("invite")
def invite(
    hours: Annotated[float, typer.Option(help="How long it is good.")] = 24,
    address: Annotated[str, typer.Option(help="Address by which guests reach the studio.")] = "",
    home: Home = None,
) -> None:
    """Invite guests: prints a link with its QR code, and a PIN, this once."""
    import segno

    from studio.settings import load_settings
    from studio.store.lock import address_for_others

    with _accounts(home) as accounts:
        if not accounts.people.exist():
            from studio.errors import Conflict

            raise Conflict("Nobody has an account yet, so nobody needs an invitation. Begin with `studio users add`.")
        made = accounts.invitations.make(hours)
    base = address or address_for_others(load_settings(home=home).paths.home) or "http://127.0.0.1:7860"
    link = f"{base.rstrip('/')}/join?invitation={made.token}"
    segno.make(link, micro=False).terminal(out=sys.stdout, compact=True)
    typer.echo(f"{link}\nor at {base.rstrip('/')}/join with the PIN {made.pin[:4]} {made.pin[4:]}")
    typer.echo(f"It is good until {made.expires_at:%Y-%m-%d %H:%M} UTC.")


@contextlib.contextmanager
def _accounts(home: Home) -> Iterator[Accounts]:
    from studio.accounts import Accounts
    from studio.cli.beside import open_database
    from studio.settings import load_settings

    settings = load_settings(home=home)
    database = open_database(settings.paths)
    try:
        yield Accounts(database, settings.paths.secret_file, settings.password_cost == "cheap")
    finally:
        database.close()


def _password(from_input: bool) -> str:
    if from_input:
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
