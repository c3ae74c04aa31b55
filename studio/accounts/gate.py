"""Whether anybody has to log in, remembered beside the database.

A studio without accounts lets in whoever reaches it. So the loss of the table of people, with a damaged database, must
not look like a studio that never had any: a file says that there were accounts, and the door stays shut until somebody
at the machine makes one again. It is taken away only with the last account, on purpose.
"""

from __future__ import annotations

from pathlib import Path

from studio.accounts.people import People
from studio.store.files import in_words, write_atomic

FILE = "login.required"
_CONTENT = b"This studio has accounts. While this file is here, nobody gets in without a login.\n"


class Gate:
    """The file of a ``home``, and the ``people`` whom it speaks of."""

    def __init__(self, home: Path, people: People) -> None:
        self._file = home / FILE
        self._people = people

    @property
    def is_shut(self) -> bool:
        """Whether everybody has to log in."""
        return self._people.exist() or self._file.exists()

    @property
    def is_locked_out(self) -> bool:
        """Whether there were accounts and none is left: nobody can log in before one is made at the machine."""
        return self._file.exists() and not self._people.exist()

    def remember(self) -> None:
        """Before the first account is made, and whenever there are some. Raises `StorageError`."""
        if not self._file.exists():
            write_atomic(self._file, _CONTENT)

    def forget(self) -> None:
        """After the last account was taken away on purpose; harmless while there are others. Raises `StorageError`."""
        with self._people.alone() as exist:
            if exist:
                return
            try:
                self._file.unlink(missing_ok=True)
            except OSError as error:
                raise in_words(error, self._file) from error
