"""API keys: what programs show instead of a password. A key is told once, when it is made."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import delete, func, select

from studio.accounts.secrets import digest
from studio.errors import Conflict, InvalidField, NotFound
from studio.store import Database
from studio.store.tables import KeyRow

MOST_KEYS = 50


@dataclass(frozen=True)
class Key:
    """A key by its ``name``; ``secret`` is empty but when it was just made."""

    id: str
    name: str
    created_at: datetime
    secret: str = ""

    def as_dict(self) -> dict[str, Any]:
        shown = {"id": self.id, "name": self.name, "created_at": self.created_at.isoformat()}
        return {**shown, "key": self.secret} if self.secret else shown


class Keys:
    """The keys of ``database``."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def make(self, person_id: str, name: str) -> Key:
        """A new key for somebody. Raises `InvalidField`, `Conflict`."""
        if not 1 <= len(name) <= 80 or not name.isprintable():
            raise InvalidField("name", "a key's name says what it is for", "1 to 80 characters")
        secret = f"studio_{secrets.token_urlsafe(32)}"
        now = datetime.now(timezone.utc)
        row = KeyRow(id=secrets.token_hex(8), person_id=person_id, name=name, key_hash=digest(secret), created_at=now)
        with self.database.session() as session:
            own = select(func.count()).select_from(KeyRow).where(KeyRow.person_id == person_id)
            if (session.scalar(own) or 0) >= MOST_KEYS:
                raise Conflict(f"There are {MOST_KEYS} keys already. Remove one first.")
            session.add(row)
        return Key(row.id, name, now, secret)

    def list(self, person_id: str) -> Sequence[Key]:
        """Somebody's keys, oldest first."""
        own = select(KeyRow).where(KeyRow.person_id == person_id).order_by(KeyRow.created_at)
        with self.database.reading() as session:
            return [Key(row.id, row.name, row.created_at) for row in session.scalars(own)]

    def remove(self, person_id: str, key_id: str) -> None:
        """Let nobody in by it any more. Raises `NotFound`, for somebody else's too."""
        own = delete(KeyRow).where(KeyRow.person_id == person_id, KeyRow.id == key_id).returning(KeyRow.id)
        with self.database.session() as session:
            if session.scalar(own) is None:
                raise NotFound("You have no such key.")

    def person_of(self, secret: str) -> str | None:
        """The id of whoever shows this key."""
        with self.database.reading() as session:
            return session.scalar(select(KeyRow.person_id).where(KeyRow.key_hash == digest(secret)))
