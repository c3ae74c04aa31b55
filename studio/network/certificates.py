"""The certificate that the studio shows: one from files, or one it makes itself and renews before it ends.

A self-made one proves nothing about names; browsers warn once, and whoever compares the fingerprint with the one in
the terminal knows that nobody sits in between. Its key is kept over renewals and never leaves the home folder.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from studio.errors import SetupError
from studio.network.addresses import own_addresses
from studio.network.names import expected_names
from studio.settings import Settings
from studio.store.files import in_words, make_folder, write_atomic

DAYS = 397
"""Browsers refuse server certificates that are good for longer than 398 days."""

RENEWED_DAYS_BEFORE = 30
MOST_NAMES = 40


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key, both in PEM files. ``names`` is what a self-made one must be good for."""

    file: Path
    key: Path
    names: tuple[str, ...] = ()

    @property
    def is_self_made(self) -> bool:
        return bool(self.names)

    def context(self) -> ssl.SSLContext:
        """What a server speaks TLS with. Raises `SetupError`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.load(context)
        return context

    def load(self, context: ssl.SSLContext) -> None:
        """Have ``context`` show what is in the files now. Raises `SetupError`."""
        try:
            context.load_cert_chain(self.file, self.key, password=_no_password)
        except (OSError, ssl.SSLError) as error:
            raise SetupError(
                f"The certificate {self.file} with the key {self.key} cannot be used: {error}. "
                "Both are PEM files that belong together; the key has no password."
            ) from error

    def fingerprint(self) -> str:
        """SHA-256 of the certificate, in the form in which browsers show it. Raises `SetupError`."""
        digest = _read(self.file).fingerprint(hashes.SHA256())
        return ":".join(f"{byte:02X}" for byte in digest)

    def renew(self) -> bool:
        """Make a self-made one anew when it ends soon or lacks a name; answers whether it did.

        Raises:
            StorageError: it cannot be written.
        """
        if not self.is_self_made or self._is_good():
            return False
        make_folder(self.file.parent)
        with contextlib.suppress(OSError):  # a disk without rights
            self.file.parent.chmod(0o700)
        key = _kept_key(self.key)
        write_atomic(self.file, _self_made(key, self._all_names()).public_bytes(serialization.Encoding.PEM))
        return True

    def _is_good(self) -> bool:
        try:
            kept = _read(self.file)
            self.load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        except SetupError:
            return False
        ends_soon = kept.not_valid_after_utc - datetime.now(timezone.utc) < timedelta(days=RENEWED_DAYS_BEFORE)
        return not ends_soon and set(self.names) <= set(_names_in(kept))

    def _all_names(self) -> list[str]:
        """Names of before stay: a machine that moves between two networks needs no new one each time."""
        before: list[str] = []
        with contextlib.suppress(SetupError):
            before = _names_in(_read(self.file))
        return list(dict.fromkeys([*self.names, *before]))[:MOST_NAMES]


def certificate_for(settings: Settings) -> Certificate | None:
    """The certificate that ``settings`` ask for, ready to use; ``None`` where the studio speaks plain HTTP.

    Raises:
        SetupError: the settings contradict one another, or the files cannot be used.
        StorageError: a self-made one cannot be written.
    """
    file, key = settings.tls_certificate, settings.tls_key
    if (file is None) != (key is None):
        raise SetupError("A certificate needs its key: give both --tls-certificate and --tls-key.")
    if file is not None and key is not None:
        if settings.tls == "auto":
            raise SetupError("Give either --tls auto or --tls-certificate with --tls-key, not both.")
        given = Certificate(file.expanduser().resolve(), key.expanduser().resolve())
        given.context()
        return given
    if settings.tls != "auto":
        return None
    names, any_address = expected_names(settings.host, settings.allowed_hosts)
    wanted = {*names, "127.0.0.1", "::1", *(own_addresses() if any_address else ())} - {"0.0.0.0", "::"}
    made = Certificate(settings.paths.certificate, settings.paths.certificate_key, tuple(sorted(wanted)))
    made.renew()
    return made


def _self_made(key: ec.EllipticCurvePrivateKey, names: Iterable[str]) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Latent Studio")])
    now = datetime.now(timezone.utc)
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=False, crl_sign=False, key_encipherment=False, data_encipherment=False,
        content_commitment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks of phones differ
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName([_general(one) for one in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names_in(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(one.value) for one in names]


def _read(file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())[0]
    except (OSError, ValueError) as error:
        raise SetupError(f"The certificate {file} cannot be read: {error}.") from error


def _kept_key(file: Path) -> ec.EllipticCurvePrivateKey:
    """The key in ``file``, which only its owner may read; made when it is missing or damaged."""
    try:
        kept = serialization.load_pem_private_key(file.read_bytes(), password=None)
        if isinstance(kept, ec.EllipticCurvePrivateKey):
            return kept
    except (OSError, ValueError, TypeError):
        pass  # missing, cut off, or somebody else's: made anew
    key = ec.generate_private_key(ec.SECP256R1())
    written = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(written)
    except OSError as error:
        raise in_words(error, file) from error
    return key


def _no_password() -> str:
    """Asked for by OpenSSL, which would wait at the terminal for one."""
    return ""
