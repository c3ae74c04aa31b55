"""People in the database: added, found, changed, removed. Their pictures outlive their accounts."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, cast

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from studio.accounts.caller import ROLES, Caller, Proof, Role
from studio.errors import Conflict, InvalidField, NotFound
from studio.store import Database
from studio.store.tables import LOCAL_OWNER, ImageRow, LinkRow, OwnerRow, PersonRow, RememberedRow, WallRow

MOST_NAME = 40


@dataclass(frozen=True)
class Person:
    """Somebody with an account; ``id`` is also the owner of their things. ``epoch`` grows with each new password."""

    id: str
    name: str
    role: Role
    password_hash: str | None
    epoch: int
    created_at: datetime
    expires_at: datetime | None

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= datetime.now(timezone.utc)

    def as_caller(self, proof: Proof) -> Caller:
        return Caller(self.id, self.name, self.role, proof)

    def as_dict(self) -> dict[str, Any]:
        """As the REST routes answer it: no hash in it."""
        ends = self.expires_at.isoformat() if self.expires_at else None
        return {"name": self.name, "role": self.role, "created_at": self.created_at.isoformat(), "expires_at": ends}


class People:
    """The people of ``database``."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def exist(self) -> bool:
        """Whether there are any, so that everybody has to log in."""
        with self.database.reading() as session:
            return session.scalar(select(PersonRow.id).limit(1)) is not None

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether there are any, of which nobody is added or removed meanwhile."""
        with self.database.session():
            yield self.exist()

    def list(self) -> Sequence[Person]:
        """Everybody, by name."""
        with self.database.reading() as session:
            return [_person(row) for row in session.scalars(select(PersonRow).order_by(PersonRow.name_key))]

    def by_id(self, person_id: str) -> Person | None:
        with self.database.reading() as session:
            row = session.get(PersonRow, person_id)
            return _person(row) if row else None

    def by_name(self, name: str) -> Person | None:
        with self.database.reading() as session:
            row = session.scalar(select(PersonRow).where(PersonRow.name_key == _key(name)))
            return _person(row) if row else None

    def get(self, name: str) -> Person:
        """Somebody by name, in any case. Raises `NotFound`."""
        with self.database.reading() as session:
            return _person(_row(session, name))

    def add(self, name: str, role: str, password_hash: str | None, expires_at: datetime | None = None) -> Person:
        """Make an account; the first is an admin's and takes over what was made without one.

        Raises:
            InvalidField: a name or role that cannot be.
            Conflict: the name is taken.
        """
        name = " ".join(name.split())
        if not 1 <= len(name) <= MOST_NAME or not name.isprintable() or set(name) & set(":/\\<>"):
            raise InvalidField("name", "it cannot be used", f"1 to {MOST_NAME} characters without : / \\ < >")
        if role not in ROLES:
            raise InvalidField("role", f"{role!r} is none", ", ".join(ROLES))
        with self.database.session() as session:
            is_first = session.scalar(select(PersonRow.id).limit(1)) is None
            if is_first and role != "admin":
                raise InvalidField("role", "the first account looks after the others", "admin")
            if session.scalar(select(PersonRow.id).where(PersonRow.name_key == _key(name))):
                raise Conflict(f"There is somebody called {name!r} already. Choose another name.")
            now = datetime.now(timezone.utc)
            takes_over = is_first and session.get(OwnerRow, LOCAL_OWNER) is not None
            person_id = LOCAL_OWNER if takes_over else uuid.uuid4().hex
            if not takes_over:
                session.add(OwnerRow(id=person_id, name=name, created_at=now))
                session.flush()
            row = PersonRow(
                id=person_id, name=name, name_key=_key(name), role=role, password_hash=password_hash,
                epoch=int(now.timestamp()), created_at=now, expires_at=expires_at,
            )  # fmt: skip
            session.add(row)
            session.flush()
            return _person(row)

    def set_password(self, name: str, password_hash: str) -> None:
        """Give somebody another password; their sessions everywhere end. Raises `NotFound`."""
        with self.database.session() as session:
            row = _row(session, name)
            row.password_hash, row.epoch = password_hash, row.epoch + 1

    def end_sessions(self, person_id: str) -> None:
        """End somebody's sessions everywhere."""
        with self.database.session() as session:
            row = session.get(PersonRow, person_id)
            if row is not None:
                row.epoch += 1

    def set_role(self, name: str, role: str) -> Person:
        """Give somebody another role; whoever becomes a member or an admin stays.

        Raises:
            NotFound: nobody is called that.
            InvalidField: there is no such role.
            Conflict: nobody would be left to look after the others.
        """
        if role not in ROLES:
            raise InvalidField("role", f"{role!r} is none", ", ".join(ROLES))
        with self.database.session() as session:
            row = _row(session, name)
            if row.role == "admin" and role != "admin" and _admins(session) == 1:
                raise Conflict(f"{row.name} is the only admin. Make somebody else one first.")
            row.role = role
            if role != "guest":
                row.expires_at = None
            session.flush()
            return _person(row)

    def remove(self, name: str) -> None:
        """Take an account away; pictures stay where they are, and are shared no more.

        Raises:
            NotFound: nobody is called that.
            Conflict: nobody would be left to look after the others.
        """
        with self.database.session() as session:
            row = _row(session, name)
            if row.role == "admin" and _admins(session) == 1 and _everybody(session) > 1:
                raise Conflict(f"{row.name} is the only admin. Make somebody else one first.")
            own = select(ImageRow.id).where(ImageRow.owner_id == row.id)
            for shared in (WallRow, LinkRow):
                session.execute(delete(shared).where(shared.image_id.in_(own)))
            session.execute(delete(RememberedRow).where(RememberedRow.owner_id == row.id))
            session.execute(delete(PersonRow).where(PersonRow.id == row.id))


def _row(session: Session, name: str) -> PersonRow:
    """Somebody by name, as they are within the transaction that changes them. Raises `NotFound`."""
    row = session.scalar(select(PersonRow).where(PersonRow.name_key == _key(name)))
    if row is None:
        raise NotFound(f"There is nobody called {name[:MOST_NAME]!r} here.")
    return row


def _admins(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(PersonRow).where(PersonRow.role == "admin")) or 0


def _everybody(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(PersonRow)) or 0


def _key(name: str) -> str:
    return " ".join(name.split()).casefold()


def _person(row: PersonRow) -> Person:
    role = cast(Role, row.role)
    return Person(row.id, row.name, role, row.password_hash, row.epoch, row.created_at, row.expires_at)
