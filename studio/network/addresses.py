"""By which addresses the other machines of the network reach this one."""

from __future__ import annotations

import ipaddress
import socket

import psutil

from studio.network.names import is_loopback

NOBODY_ELSES = ("lo", "docker", "veth", "br-", "virbr", "cni", "flannel")
"""Beginnings of the names of interfaces that no other machine is on."""

ELSEWHERE = ("192.0.2.1", 9)
"""An address of documentation (RFC 5737): asking the way there sends nothing."""


def own_addresses() -> list[str]:
    """The IPv4 addresses of this machine on its networks; the one that leads further comes first."""
    states = psutil.net_if_stats()
    found: list[str] = []
    for name, addresses in sorted(psutil.net_if_addrs().items()):
        if name.startswith(NOBODY_ELSES) or (name in states and not states[name].isup):
            continue
        for one in addresses:
            if one.family == socket.AF_INET and not _is_hidden(one.address):
                found.append(one.address)
    first = _way_out()
    return sorted(dict.fromkeys(found), key=lambda address: address != first)


def links_to(host: str, port: int, *, secure: bool) -> list[str]:
    """The addresses to give to others, of a studio that listens on ``host``; none when only this machine reaches it."""
    if is_loopback(host):
        return []
    hosts = own_addresses() if host in ("0.0.0.0", "::", "") else [host]
    return [link(one, port, secure=secure) for one in hosts]


def link(host: str, port: int, *, secure: bool) -> str:
    """The address of a page on ``host``, without the port where browsers know it."""
    scheme, usual = ("https", 443) if secure else ("http", 80)
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" if port == usual else f"{scheme}://{shown}:{port}"


def _is_hidden(address: str) -> bool:
    known = ipaddress.ip_address(address)
    return known.is_loopback or known.is_link_local or known.is_unspecified


def _way_out() -> str | None:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.connect(ELSEWHERE)
            return str(asking.getsockname()[0])
    except OSError:
        return None
