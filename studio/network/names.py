"""The names of this machine: which reach it alone, and which browsers may call it by."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable

LOCAL_NAMES = frozenset({"localhost"})
_HOST = re.compile(r"^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$")


def is_loopback(host: str) -> bool:
    """Whether ``host`` is a name or address that only this machine reaches."""
    if host == "localhost":
        return True
    address = address_in(host)
    return address is not None and address.is_loopback


def expected_names(bound: str, further: Iterable[str]) -> tuple[frozenset[str], bool]:
    """The names a studio on ``bound`` answers to, and whether to every address in figures as well."""
    names = {_bare(name) for name in further} | LOCAL_NAMES | {bound.lower()}
    if is_loopback(bound):
        return frozenset(names), False
    own = socket.gethostname().lower()
    return frozenset(names | {own, f"{own.split('.')[0]}.local"}), True


def host_of(header: str) -> str | None:
    """The name or address of a ``Host`` header, in lower case, without brackets, port or final dot."""
    found = _HOST.match(header)
    return _bare(found.group(1)) if found else None


def address_in(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that ``host`` is in figures; ``None`` for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _bare(host: str) -> str:
    return host.lower().strip("[]").removesuffix(".")
