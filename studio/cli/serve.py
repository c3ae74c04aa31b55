"""``studio serve``: the page and the REST routes on one port."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import sys
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from studio.cli.flags import Device, Home, Models
from studio.errors import SetupError

if TYPE_CHECKING:
    import uvicorn

    from studio.network.certificates import Certificate
    from studio.settings import Settings

M_ARENA_MAX = -8
"""mallopt's name for the most heaps (malloc.h of the GNU C library)."""
ARENAS = 2


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 is this machine only.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    home: Home = None,
    models: Models = None,
    device: Device = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Allow listening beyond this machine without a login (with a warning).")
    ] = False,
    tls: Annotated[
        str | None, typer.Option(help="auto: speak TLS with a certificate that the studio makes itself.")
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="Certificate to speak TLS with, a PEM file.", dir_okay=False)
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="Key of that certificate, a PEM file without a password.", dir_okay=False)
    ] = None,
    browser: Annotated[bool, typer.Option("--browser", help="Open the page in a browser once it answers.")] = False,
) -> None:
    """Start the studio and serve its page."""
    from studio.settings import load_settings
    from studio.upkeep.logs import begin_logging

    settings = load_settings(
        host=host,
        port=port,
        home=home,
        models=models or None,
        device=device,
        open=open_ or None,
        tls=tls,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        browser=browser or None,
    )
    begin_logging(settings.paths.logs, settings.log_mb, settings.log_files)
    settings = kept_in(settings)
    refuse_unguarded(settings)
    certificate = _certificate(settings)
    listener = listen(settings.host, settings.port)
    run(settings, listener, certificate)


def kept_in(settings: Settings) -> Settings:
    """The settings, kept to this machine while it is in doubt what ``settings.toml`` said of locks."""
    from studio.network.names import is_loopback
    from studio.settings_file import is_in_doubt

    if is_loopback(settings.host) or not is_in_doubt(settings.paths.settings_file):
        return settings
    typer.secho(
        f"Warning: {settings.paths.settings_file} was damaged, and what it said of logins and encryption may be lost. "
        f"So the studio listens on this machine only, not on {settings.host}. Look at the settings, then move the file "
        "settings.toml.damaged-… away.",
        fg=typer.colors.YELLOW,
        err=True,
    )
    return settings.model_copy(update={"host": "127.0.0.1"})


def refuse_unguarded(settings: Settings) -> None:
    """Refuse to listen beyond this machine without a login, unless told to.

    Raises:
        SetupError: ``host`` is not a loopback address and ``open`` was not given.
    """
    from studio.network.names import is_loopback

    if is_loopback(settings.host):
        return
    if _has_accounts(settings):
        return
    if not settings.open:
        raise SetupError(
            f"--host {settings.host} lets everybody on the network use this studio, and there is no login. "
            "Make an account by `studio users add NAME`; or give --open as well if that is what you want; "
            "or listen on 127.0.0.1."
        )
    typer.secho(
        "Warning: this studio is open. Everybody who reaches this address can use it and see every picture.",
        fg=typer.colors.YELLOW,
        err=True,
    )


def _keep_heap_together() -> None:
    """Have the C library keep one heap for several threads instead of one for each of forty, of which none gives much
    back: after a busy hour the web process would be a fifth larger than it needs to be.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)


def _has_accounts(settings: Settings) -> bool:
    from studio.accounts.gate import Gate
    from studio.accounts.people import People
    from studio.cli.beside import open_database

    database = open_database(settings.paths)
    try:
        return Gate(settings.paths.home, People(database)).is_shut
    finally:
        database.close()


def listen(host: str, port: int) -> socket.socket:
    """The open socket, so that the port is ours (and known, when it was 0) before anything slow begins.

    Raises:
        SetupError: the address is not ours or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's algorithm off only where it is: 40 ms an answer otherwise.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SetupError(
            f"Cannot listen on {host} port {port}: {error.strerror}. Choose another with --port, or 0 for any free one."
        ) from error
    listener.set_inheritable(False)
    return listener


def run(settings: Settings, listener: socket.socket, certificate: Certificate | None = None) -> None:
    """Build the studio, serve it on ``listener`` until interrupted, and close it."""
    import uvicorn

    from studio.network.addresses import link, links_to
    from studio.services import build_studio

    _keep_heap_together()
    host, port = listener.getsockname()[:2]
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    address = link(shown, port, secure=certificate is not None)
    studio = build_studio(settings)
    try:
        studio.start()  # before the page is imported: the worker loads torch while gradio loads here
        from studio.server import create_app

        app = create_app(studio)
        others = links_to(settings.host, port, secure=certificate is not None)
        studio.lock.publish(address, certificate.file if certificate else None, others[0] if others else None)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3)
        server = _server(config, certificate)
        typer.echo(f"Latent Studio answers at {address}")
        tell_others(others, certificate)
        if settings.browser:
            threading.Timer(0.5, webbrowser.open, [address]).start()
        server.run(sockets=[listener])
    finally:
        studio.close()


def _server(config: uvicorn.Config, certificate: Certificate | None) -> uvicorn.Server:
    import uvicorn

    if certificate is None:
        return uvicorn.Server(config)
    from studio.network.reception import SecureServer

    return SecureServer(config, certificate)


def _certificate(settings: Settings) -> Certificate | None:
    if not (settings.speaks_tls or settings.tls_key):
        return None
    from studio.network.certificates import certificate_for

    return certificate_for(settings)


def tell_others(others: list[str], certificate: Certificate | None) -> None:
    """Say by which addresses others reach this studio, the first as a QR code where a person watches."""
    if others and sys.stdout.isatty():
        import segno

        segno.make(others[0], micro=False).terminal(out=sys.stdout, compact=True)
    for other in others:
        typer.echo(f"On the network: {other}")
    if certificate is not None and certificate.is_self_made:
        typer.echo(
            "Browsers do not know the certificate that the studio made itself, and warn once. Go on if they show this "
            f"SHA-256 fingerprint:\n{certificate.fingerprint()}"
        )
