"""One studio at a time on a home folder: a lock that the operating system lets go of when its holder dies.

Beside the lock lies the address of the running server, so that a command started meanwhile can ask it instead.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from studio.errors import SetupError, StorageError

LOOKS, LOOKS_EVERY_S = 3, 0.02
BRIEFLY_S = 15.0
"""How long somebody is waited for who only opens the database: longer than a large one takes to be checked."""


@dataclass
class HomeLock:
    """The held lock of a home folder."""

    file: Path
    handle: IO[str]

    @classmethod
    def acquire(cls, home: Path, *, briefly: bool = False) -> HomeLock:
        """Take the lock of ``home``, which is made when missing; whoever has it ``briefly`` is waited for.

        Raises:
            SetupError: another studio holds it; the message says where it answers.
            StorageError: the folder cannot be written.
        """
        path = home / "studio.lock"
        handle = _opened(path)
        until_s, looks = time.monotonic() + BRIEFLY_S, 1
        while not _locked(handle):
            # Not refused at the first look: it may be one that asks `is_locked`, or has not yet said that it is brief.
            if looks >= LOOKS and not (_published(home, "briefly") and time.monotonic() < until_s):
                handle.close()
                address = running_address(home)
                where = f" and answers at {address}" if address else ""
                raise SetupError(f"A studio works on {home} already{where}. Use that one, or give this another --home.")
            looks += 1
            time.sleep(LOOKS_EVERY_S)
        lock = cls(path, handle)
        handle.truncate(0)  # nobody is to read where a studio answered that was killed
        if briefly:
            with contextlib.suppress(OSError):  # a full disk
                lock._tell({"briefly": True})
        return lock

    def publish(self, address: str, certificate: Path | None = None, for_others: str | None = None) -> None:
        """Write down where the server answers, and by which certificate, for commands that find the lock taken.

        ``for_others`` is the address by which other machines reach it.
        """
        told = {"address": address, "for_others": for_others, "certificate": str(certificate) if certificate else None}
        self._tell(told)

    def release(self) -> None:
        """Let go. Harmless when repeated."""
        if not self.handle.closed:
            self.handle.seek(0)
            self.handle.truncate()
            self.handle.close()

    def _tell(self, told: Mapping[str, object]) -> None:
        self.handle.seek(0)
        self.handle.truncate()
        json.dump({name: value for name, value in told.items() if value} | {"pid": os.getpid()}, self.handle)
        self.handle.flush()


def running_address(home: Path) -> str | None:
    """Where the server on ``home`` answers, as far as it has said so."""
    return _published(home, "address")


def address_for_others(home: Path) -> str | None:
    """By which address other machines reach the server on ``home``, or else this one does."""
    return _published(home, "for_others") or running_address(home)


def running_certificate(home: Path) -> Path | None:
    """The file of the certificate that the server on ``home`` shows; ``None`` when it speaks plain HTTP."""
    file = _published(home, "certificate")
    return Path(file) if file else None


def _published(home: Path, name: str) -> str | None:
    try:
        return str(json.loads((home / "studio.lock").read_text(encoding="utf-8"))[name])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_locked(home: Path) -> bool:
    """Whether a studio works on ``home`` now."""
    with _opened(home / "studio.lock") as handle:
        return not _locked(handle)


def _opened(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+", encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"The home folder {path.parent} cannot be written: {error.strerror}. Choose another by --home."
        ) from error


if sys.platform == "win32":
    import msvcrt

    LOCK_AT_BYTE = 1 << 20
    """Windows locks forbid reading: the locked byte lies far behind the address."""

    def _locked(handle: IO[str]) -> bool:
        handle.seek(LOCK_AT_BYTE)
        try:
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _locked(handle: IO[str]) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
