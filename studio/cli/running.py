"""The studio that runs on a home folder, as a client that may use it: whoever can read the home folder may."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio.client import StudioClient
    from studio.settings import Settings


def running(settings: Settings) -> StudioClient | None:
    """A client of the server on the home folder of ``settings``; ``None`` when none is running."""
    from studio.store.lock import is_locked, running_address

    home = settings.paths.home
    address = running_address(home) if is_locked(home) else None
    return client_at(address, home) if address else None


def client_at(address: str, home: Path) -> StudioClient:
    """A client of the server on ``home``, which answers at ``address``."""
    from studio.accounts.secrets import HomeSecret
    from studio.client import StudioClient
    from studio.paths import Paths
    from studio.store.lock import running_certificate

    key = HomeSecret(Paths.at(home).secret_file).machine_key
    return StudioClient(address, key=key, certificate=running_certificate(home))
