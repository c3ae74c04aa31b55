"""By which addresses others come, and what the terminal shows of them."""

from __future__ import annotations

import ipaddress
import sys

import pytest

from studio.cli.serve import tell_others
from studio.network.addresses import link, links_to, own_addresses


def test_nobody_else_is_told_of_an_address_of_this_machine_alone() -> None:
    assert links_to("127.0.0.1", 7860, secure=False) == links_to("localhost", 7860, secure=True) == []
    assert all(not ipaddress.ip_address(one).is_loopback for one in own_addresses())


def test_an_address_reads_as_browsers_write_it() -> None:
    assert links_to("192.168.1.5", 7860, secure=False) == ["http://192.168.1.5:7860"]
    assert link("fd00::5", 7860, secure=True) == "https://[fd00::5]:7860"
    assert (link("a.example", 443, secure=True), link("a.example", 80, secure=False)) == (
        "https://a.example",
        "http://a.example",
    )


@pytest.mark.parametrize("watched", [True, False], ids=["a terminal", "a log"])
def test_a_terminal_shows_the_first_as_a_qr_code(
    watched: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: watched)
    tell_others(["http://192.168.1.5:7860", "http://10.0.0.2:7860"], None)
    said = capsys.readouterr().out
    assert "On the network: http://192.168.1.5:7860" in said and "http://10.0.0.2:7860" in said
    assert ("\u2588" in said) == watched
