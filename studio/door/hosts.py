"""Whom a request means: the ``Host`` it names must be this studio.

A page of another site can make a browser believe that its own name belongs to this machine (DNS rebinding); the
request then arrives here under that name, and only the name gives it away. Addresses in figures cannot be rebound, so
a studio that listens beyond this machine answers to all of them, and to its machine's own name.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable

from studio.errors import Refused

LOCAL_NAMES = frozenset({"localhost"})
_HOST = re.compile(r"^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$")


def is_loopback(host: str) -> bool:
    """Whether ``host`` is a name or address that only this machine reaches."""
    if host == "localhost":
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def expected_names(bound: str, further: Iterable[str]) -> tuple[frozenset[str], bool]:
    """The names a studio on ``bound`` answers to, and whether to every address in figures as well."""
    names = {_bare(name) for name in further} | LOCAL_NAMES | {bound.lower()}
    if is_loopback(bound):
        return frozenset(names), False
    own = socket.gethostname().lower()
    return frozenset(names | {own, f"{own.split('.')[0]}.local"}), True


def check_host(header: str | None, names: frozenset[str], any_address: bool) -> None:
    """Refuse a request that means somebody else.

    Raises:
        Refused: no ``Host``, one that is none, or a name that is not expected here.
    """
    host = host_of(header or "")
    if host is None:
        raise Refused("The request does not say which host it means.")
    if host in names or is_loopback(host) or (any_address and _address(host) is not None):
        return
    raise Refused(
        f"This studio is not called {host!r}. If it is, behind a proxy say, add the name to the setting allowed_hosts."
    )


def host_of(header: str) -> str | None:
    """The name or address of a ``Host`` header, in lower case, without brackets, port or final dot."""
    found = _HOST.match(header)
    return _bare(found.group(1)) if found else None


def _bare(host: str) -> str:
    return host.lower().strip("[]").removesuffix(".")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
