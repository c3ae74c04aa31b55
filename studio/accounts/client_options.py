"""What people's other programs have set for themselves: one mapping of names to values an owner.

It knows neither the names nor what they mean; that is for the routes that such programs speak.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import IntegrityError

from studio.store import Database
from studio.store.tables import ClientOptionsRow


class ClientOptions:
    """The options of owners in ``database``."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def of(self, owner: str) -> dict[str, Any]:
        """What somebody's programs have set."""
        with self.database.reading() as session:
            row = session.get(ClientOptionsRow, owner)
            return dict(row.options) if row else {}

    def change(self, owner: str, values: Mapping[str, Any]) -> None:
        """Set some, and leave the others as they are."""
        try:
            self._change(owner, values)
        except IntegrityError:
            self._change(owner, values)  # another request of theirs was the first

    def _change(self, owner: str, values: Mapping[str, Any]) -> None:
        with self.database.session() as session:
            row = session.get(ClientOptionsRow, owner)
            if row is None:
                session.add(ClientOptionsRow(owner_id=owner, options=dict(values)))
            else:
                row.options = {**row.options, **values}
