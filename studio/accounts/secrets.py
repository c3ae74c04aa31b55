"""Passwords by Argon2, and one secret of the home that signs sessions and stands for "somebody on this machine"."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path

from argon2 import PasswordHasher, profiles
from argon2.exceptions import InvalidHashError, VerificationError
from itsdangerous import BadData, URLSafeTimedSerializer

from studio.errors import InvalidField
from studio.set_aside import set_aside
from studio.store.files import in_words, make_folder

SESSION_S = 30 * 24 * 3600
LEAST_PASSWORD, MOST_PASSWORD = 8, 200
KEPT_PROOFS = 256
_KEY = re.compile(rb"[0-9a-f]{64}")


def digest(secret: str) -> str:
    """What is kept of a long random secret: enough to know it again, useless to whoever reads it."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Passwords:
    """Hashes passwords by Argon2id with RFC 9106's parameters for little memory; ``cheap`` is for tests."""

    def __init__(self, cheap: bool = False) -> None:
        self._hasher = PasswordHasher.from_parameters(profiles.CHEAPEST if cheap else profiles.RFC_9106_LOW_MEMORY)
        self._nobody = self._hasher.hash(secrets.token_hex())
        self._proofs: set[str] = set()

    def hash(self, password: str) -> str:
        """The hash to keep. Raises `InvalidField` for a password too short or long."""
        if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
            raise InvalidField(
                "password", "it is too short or too long", f"{LEAST_PASSWORD} to {MOST_PASSWORD} characters"
            )
        return self._hasher.hash(password)

    def verify(self, kept: str | None, password: str) -> bool:
        """Whether it is the password; without one it takes as long and says no.

        Programs send theirs with every request, so what was proven is remembered by its hash, in memory only.
        """
        proof = digest(f"{kept}\0{password}")
        if kept is not None and proof in self._proofs:
            return True
        try:
            self._hasher.verify(kept if kept is not None else self._nobody, password[:MOST_PASSWORD])
        except (VerificationError, InvalidHashError):
            return False
        if len(self._proofs) >= KEPT_PROOFS:
            self._proofs.clear()
        self._proofs.add(proof)
        return kept is not None


class HomeSecret:
    """The secret in ``file``, which only its owner may read; made when it is missing."""

    def __init__(self, file: Path) -> None:
        self._key = _read_or_make(file)
        self._sessions = URLSafeTimedSerializer(self._key, salt="session")

    @property
    def machine_key(self) -> str:
        """What a command on this machine shows: whoever can read the home may use the studio."""
        return hmac.new(self._key, b"somebody on this machine", "sha256").hexdigest()

    def is_machine_key(self, key: str) -> bool:
        return hmac.compare_digest(key.encode(), self.machine_key.encode())

    def pin_digest(self, pin: str) -> str:
        """What is kept of a PIN, which is too short for a hash that anybody can compute."""
        return hmac.new(self._key, b"pin " + pin.encode(), "sha256").hexdigest()

    def seal(self, text: str) -> str:
        """What only this home can make of ``text``: 24 bytes for an address, to know again what came from here."""
        made = hmac.new(self._key, b"seal " + text.encode("utf-8", "replace"), "sha256").digest()
        return base64.urlsafe_b64encode(made[:24]).decode()

    def sign(self, person_id: str, epoch: int) -> str:
        """A session for a cookie."""
        return self._sessions.dumps([person_id, epoch])

    def unsign(self, session: str) -> tuple[str, int] | None:
        """Whose session it is and of which epoch; ``None`` for a forged or old one."""
        try:
            person_id, epoch = self._sessions.loads(session, max_age=SESSION_S)
            return str(person_id), int(epoch)
        except (BadData, TypeError, ValueError):
            return None


def _read_or_make(file: Path) -> bytes:
    """The key; a file that holds none is set aside: zeros, which a crash can leave, would be a key that all know."""
    try:
        make_folder(file.parent)
        while True:
            try:
                handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                key = file.read_bytes()
                if _KEY.fullmatch(key):
                    return key
                set_aside(file, "it holds no key")
                continue
            key = secrets.token_hex(32).encode()
            with os.fdopen(handle, "wb") as written:
                written.write(key)
                written.flush()
                os.fsync(written.fileno())
            return key
    except OSError as error:
        raise in_words(error, file) from error
