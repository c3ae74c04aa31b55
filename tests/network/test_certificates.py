"""The certificate that the studio makes itself: private, good for its names, renewed in time; and those from files."""

from __future__ import annotations

import stat
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509

from studio.door.rules import Rules
from studio.errors import SetupError
from studio.network import certificates
from studio.network.certificates import Certificate, certificate_for
from studio.settings import load_settings


def read(certificate: Certificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(certificate.file.read_bytes())


def made(home: Path, **flags: object) -> Certificate:
    certificate = certificate_for(load_settings(home=home, tls="auto", **flags))
    assert certificate is not None
    return certificate


def names(certificate: Certificate) -> set[str]:
    extension = read(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {str(one.value) for one in extension.value}


def test_it_is_made_once_in_private_and_bears_the_machine_s_names(tmp_path: Path) -> None:
    flags = {"host": "0.0.0.0", "allowed_hosts": ["studio.example"]}
    first = made(tmp_path, **flags)
    assert {"localhost", "127.0.0.1", "::1", "studio.example"} <= names(first)
    assert stat.S_IMODE(first.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(first.key.parent.stat().st_mode) == 0o700
    before = first.fingerprint()
    assert len(before) == 95 and made(tmp_path, **flags).fingerprint() == before
    left = read(first).not_valid_after_utc - datetime.now(timezone.utc)
    assert timedelta(days=390) < left <= timedelta(days=398)


def test_a_further_name_makes_it_anew_with_the_key_and_names_of_before(tmp_path: Path) -> None:
    first = made(tmp_path, allowed_hosts=["one.example"])
    key, before = first.key.read_bytes(), first.fingerprint()
    second = made(tmp_path, allowed_hosts=["two.example"])
    assert second.fingerprint() != before and second.key.read_bytes() == key
    assert {"one.example", "two.example"} <= names(second)


def test_it_is_renewed_before_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "DAYS", certificates.RENEWED_DAYS_BEFORE - 1)
    old = made(tmp_path)
    before = old.fingerprint()
    monkeypatch.undo()
    assert old.renew() and old.fingerprint() != before
    assert not old.renew()


@pytest.mark.parametrize("broken", ["certificate.pem", "key.pem"])
def test_a_damaged_one_is_made_anew(tmp_path: Path, broken: str) -> None:
    before = made(tmp_path).fingerprint()
    file = tmp_path / "tls" / broken
    file.write_bytes(file.read_bytes()[:60])
    assert made(tmp_path).fingerprint() != before
    made(tmp_path).context()


def test_certificates_from_files_are_taken_as_they_are(tmp_path: Path) -> None:
    own = made(tmp_path / "other")
    flags = {"home": tmp_path / "home", "tls_certificate": own.file, "tls_key": own.key}
    given = certificate_for(load_settings(**flags))
    assert given is not None and not given.is_self_made and not given.renew()
    assert not (tmp_path / "home" / "tls").exists()
    assert Rules.of(load_settings(**flags, port=443)).always_tls
    assert not Rules.of(load_settings(**flags)).always_tls
    assert not Rules.of(load_settings(home=tmp_path, tls="auto", port=443)).always_tls


def test_what_does_not_go_together_is_said(tmp_path: Path) -> None:
    own, other = made(tmp_path / "one"), made(tmp_path / "two")
    for flags, words in (
        ({"tls_certificate": own.file}, "needs its key"),
        ({"tls_key": own.key}, "needs its key"),
        ({"tls_certificate": own.file, "tls_key": own.key, "tls": "auto"}, "not both"),
        ({"tls_certificate": own.file, "tls_key": other.key}, "belong together"),
        ({"tls_certificate": tmp_path / "nothing.pem", "tls_key": own.key}, "cannot be used"),
    ):
        with pytest.raises(SetupError, match=words):
            certificate_for(load_settings(home=tmp_path / "home", **flags))
    assert certificate_for(load_settings(home=tmp_path / "home")) is None
