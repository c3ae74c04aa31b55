"""Invitations: a link or a PIN by which guests come in, until it expires."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import delete, or_, select

from studio.accounts.people import People, Person
from studio.accounts.secrets import HomeSecret, digest
from studio.errors import InvalidField, NotFound
from studio.store import Database
from studio.store.tables import InvitationRow

MOST_HOURS = 24 * 31
GUESTS_EACH = 50


@dataclass(frozen=True)
class Invitation:
    """``token`` (for a link) and ``pin`` are told once, when it is made; afterwards they are empty."""

    id: str
    expires_at: datetime
    token: str = ""
    pin: str = ""

    def as_dict(self) -> dict[str, Any]:
        shown = {"id": self.id, "expires_at": self.expires_at.isoformat()}
        return {**shown, "path": f"/join?invitation={self.token}", "pin": self.pin} if self.token else shown


class Invitations:
    """The invitations of ``database``."""

    def __init__(self, database: Database, secret: HomeSecret, people: People) -> None:
        self.database, self._secret, self._people = database, secret, people

    def make(self, hours: float = 24) -> Invitation:
        """Invite guests for some hours. Raises `InvalidField`."""
        if not 0 < hours <= MOST_HOURS:
            raise InvalidField("hours", f"{hours:g} is out of range", f"more than 0, up to {MOST_HOURS}")
        token, pin = secrets.token_urlsafe(24), f"{secrets.randbelow(10**8):08d}"
        ends = datetime.now(timezone.utc) + timedelta(hours=hours)
        row = InvitationRow(
            id=secrets.token_hex(8), token_hash=digest(token), pin_hash=self._secret.pin_digest(pin),
            guests_left=GUESTS_EACH, expires_at=ends,
        )  # fmt: skip
        with self.database.session() as session:
            session.add(row)
        return Invitation(row.id, ends, token, pin)

    def list(self) -> Sequence[Invitation]:
        """Those that still let people in."""
        now = datetime.now(timezone.utc)
        with self.database.reading() as session:
            rows = session.scalars(select(InvitationRow).where(InvitationRow.expires_at > now))
            return [Invitation(row.id, row.expires_at) for row in rows]

    def withdraw(self, invitation_id: str) -> None:
        """Let nobody in by it any more. Raises `NotFound`."""
        with self.database.session() as session:
            gone = delete(InvitationRow).where(InvitationRow.id == invitation_id).returning(InvitationRow.id)
            if session.scalar(gone) is None:
                raise NotFound("There is no such invitation.")

    def accept(self, code: str, name: str) -> Person:
        """Come in by a link's token or a PIN. Guests go again when it expires.

        Raises:
            NotFound: no invitation is open by that.
            InvalidField, Conflict: a name that cannot be used.
        """
        code = code.strip()
        with self.database.session() as session:
            row = session.scalar(
                select(InvitationRow).where(
                    or_(
                        InvitationRow.token_hash == digest(code),
                        InvitationRow.pin_hash == self._secret.pin_digest(code.replace(" ", "")),
                    ),
                    InvitationRow.expires_at > datetime.now(timezone.utc),
                    InvitationRow.guests_left > 0,
                )
            )
            if row is None:
                raise NotFound("This invitation is not known, or has expired. Ask for a new one.")
            row.guests_left -= 1
            return self._people.add(name, "guest", None, row.expires_at)
