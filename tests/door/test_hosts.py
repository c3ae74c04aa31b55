"""Which names a studio answers to."""

from __future__ import annotations

import socket

import pytest

from studio.door.hosts import check_host
from studio.errors import Refused
from studio.network.names import expected_names, host_of, is_loopback


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("localhost:7860", "localhost"),
        ("LocalHost.", "localhost"),
        ("[::1]:7860", "::1"),
        ("192.168.1.5", "192.168.1.5"),
        ("", None),
        ("a b", None),
        ("a@b", None),
        ("a:b", None),
        ("a/b", None),
    ],
)
def test_the_name_in_a_host_header(header: str, host: str | None) -> None:
    assert host_of(header) == host


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_this_machine_s_own_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "127.0.0.1.nip.io"])
def test_what_others_reach(host: str) -> None:
    assert not is_loopback(host)


def answers(bound: str, header: str, *allowed: str) -> bool:
    try:
        check_host(header, *expected_names(bound, allowed))
    except Refused:
        return False
    return True


def test_alone_it_answers_to_this_machine_only() -> None:
    assert answers("127.0.0.1", "localhost:7860") and answers("127.0.0.1", "[::1]:7860")
    assert not answers("127.0.0.1", "192.168.1.5:7860") and not answers("127.0.0.1", f"{socket.gethostname()}x")


def test_on_the_network_it_answers_to_addresses_and_its_machine_s_name_but_no_other() -> None:
    own = socket.gethostname()
    assert all(
        answers("0.0.0.0", host) for host in ("192.168.1.5:7860", "[fe80::1]", own, f"{own.split('.')[0]}.local")
    )
    assert not answers("0.0.0.0", "rebound.example")


def test_names_that_are_allowed_by_a_setting() -> None:
    assert answers("127.0.0.1", "Studio.Example.org", "studio.example.org")
    assert not answers("127.0.0.1", "other.example.org", "studio.example.org")
