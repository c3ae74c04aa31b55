"""All of it as one thing to hold: who calls, by which proof, and coming in."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from studio.accounts.attempts import Attempts
from studio.accounts.caller import LOCAL, Caller
from studio.accounts.gate import Gate
from studio.accounts.invitations import Invitations
from studio.accounts.keys import Keys
from studio.accounts.people import People, Person
from studio.accounts.secrets import HomeSecret, Passwords
from studio.errors import InvalidField, LoginNeeded, NotFound, StudioError
from studio.store import Database
from studio.store.tables import LOCAL_OWNER

WRONG = "Name and password do not go together."
LOST = (
    "The accounts of this studio were lost with its database. Somebody at the machine makes a new one by: "
    "studio users add NAME"
)


class Accounts:
    """The accounts of ``database``; ``secret_file`` lies in the home. Safe to share between threads."""

    def __init__(self, database: Database, secret_file: Path, cheap_passwords: bool = False) -> None:
        self.secret = HomeSecret(secret_file)
        self.passwords = Passwords(cheap_passwords)
        self.people = People(database)
        self.gate = Gate(secret_file.parent, self.people)
        if self.people.exist():
            self.gate.remember()
        self.keys = Keys(database)
        self.invitations = Invitations(database, self.secret, self.people)
        self.attempts = Attempts()

    def add(self, name: str, role: str, password: str) -> Person:
        """Make an account. Raises `InvalidField`, `Conflict`."""
        password_hash, lost = self.passwords.hash(password), self.gate.is_locked_out
        self.gate.remember()
        try:
            person = self.people.add(name, role, password_hash)
        except StudioError:
            if not lost:
                self.gate.forget()
            raise
        self.gate.remember()  # the last of the others may have been taken away meanwhile, and this with them
        return person

    def remove(self, name: str) -> None:
        """Take an account away; with the last one the login goes too. Raises `NotFound`, `Conflict`."""
        self.people.remove(name)
        self.gate.forget()

    def set_password(self, name: str, password: str) -> None:
        """Another password for somebody, whose sessions end. Raises `InvalidField`, `NotFound`."""
        self.people.set_password(name, self.passwords.hash(password))

    def caller(self, cookie: str | None, authorization: str | None, address: str) -> Caller | None:
        """Who shows these; `LOCAL` while there are no accounts, ``None`` when they show nothing that counts.

        Raises:
            TooManyTries: too many wrong passwords or keys came from ``address`` lately.
        """
        if not self.gate.is_shut:
            return LOCAL
        if authorization:
            return self._authorized(authorization, address)
        session = self.secret.unsign(cookie) if cookie else None
        if session is None:
            return None
        person = self.people.by_id(session[0])
        if person is None or person.has_expired or person.epoch != session[1]:
            return None
        return person.as_caller("session")

    def log_in(self, name: str, password: str, address: str) -> Person:
        """The person whose password it is.

        Raises:
            LoginNeeded: it is not theirs, or there is nobody of that name: the two look the same.
            TooManyTries: too many failed, from there or at that name.
        """
        counted = f"address {address}", f"name {name.casefold()[:80]}"
        self.attempts.check(*counted)
        if self.gate.is_locked_out:
            raise LoginNeeded(LOST)
        person = self.people.by_name(name)
        if not self.passwords.verify(person.password_hash if person else None, password) or person is None:
            self.attempts.failed(*counted)
            raise LoginNeeded(WRONG)
        if person.has_expired:
            raise LoginNeeded("This account has expired.")
        return person

    def prove(self, caller: Caller, password: str, address: str) -> None:
        """That it is really them who asks, by their password of now.

        Raises:
            InvalidField: it is not theirs.
            TooManyTries: too many failed.
        """
        try:
            self.log_in(caller.name, password, address)
        except LoginNeeded:
            raise InvalidField("current", "that is not your password", "your password of now") from None

    def join(self, code: str, name: str, address: str) -> Person:
        """Come in by an invitation. Raises `NotFound`, `InvalidField`, `Conflict`, `TooManyTries`."""
        counted = f"address {address}"
        self.attempts.check(counted)
        try:
            return self.invitations.accept(code, name)
        except NotFound:
            self.attempts.failed(counted)
            raise

    @property
    def cookie(self) -> str:
        """The name of the session's cookie, this home's own: browsers do not tell the ports of one host apart."""
        return f"studio_session_{self.secret.seal('name of the cookie')[:8]}"

    def session_for(self, person: Person) -> str:
        """The cookie's content."""
        return self.secret.sign(person.id, person.epoch)

    def _authorized(self, authorization: str, address: str) -> Caller | None:
        kind, _, given = authorization.partition(" ")
        if kind.lower() == "bearer":
            return self._by_key(given.strip(), address)
        if kind.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return None
        try:
            return self.log_in(name, password, address).as_caller("password")
        except LoginNeeded:
            return None

    def _by_key(self, key: str, address: str) -> Caller | None:
        if self.secret.is_machine_key(key):
            return Caller(LOCAL_OWNER, "this machine", "admin", "machine")
        self.attempts.check(f"address {address}")
        person_id = self.keys.person_of(key)
        person = self.people.by_id(person_id) if person_id else None
        if person is None or person.has_expired:
            self.attempts.failed(f"address {address}")
            return None
        return person.as_caller("key")
