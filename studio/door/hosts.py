"""Whom a request means: the ``Host`` it names must be this studio.

A page of another site can make a browser believe that its own name belongs to this machine (DNS rebinding); the
request then arrives here under that name, and only the name gives it away. Addresses in figures cannot be rebound, so
a studio that listens beyond this machine answers to all of them, and to its machine's own name.
"""

from __future__ import annotations

from studio.errors import Refused
from studio.network.names import address_in, host_of, is_loopback


def check_host(header: str | None, names: frozenset[str], any_address: bool) -> None:
    """Refuse a request that means somebody else.

    Raises:
        Refused: no ``Host``, one that is none, or a name that is not expected here.
    """
    host = host_of(header or "")
    if host is None:
        raise Refused("The request does not say which host it means.")
    if host in names or is_loopback(host) or (any_address and address_in(host) is not None):
        return
    raise Refused(
        f"This studio is not called {host!r}. If it is, behind a proxy say, add the name to the setting allowed_hosts."
    )
