"""Whose source pictures and masks are whose. The same bytes are kept once and may belong to several people."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from studio.errors import NotFound
from studio.store import Database
from studio.store.tables import LOCAL_OWNER, SourceOwnerRow


class Belongings:
    """Owners of sources by hash, in ``database``."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, owner: str, sha256: str) -> None:
        """That somebody brought this picture. Harmless when repeated."""
        try:
            with self.database.session() as session:
                if session.get(SourceOwnerRow, (sha256, owner)) is None:
                    session.add(SourceOwnerRow(sha256=sha256, owner_id=owner))
        except IntegrityError:
            return  # another request of theirs was faster

    def check(self, owner: str, sha256: str) -> None:
        """Raises `NotFound`, in the words of a picture that is not there, for what is somebody else's.

        What nobody is written down for was brought before there were accounts: it is the first one's.
        """
        with self.database.reading() as session:
            owners = set(session.scalars(select(SourceOwnerRow.owner_id).where(SourceOwnerRow.sha256 == sha256)))
        if owner not in owners and (owners or owner != LOCAL_OWNER):
            raise NotFound("That source picture is not here. Choose it again.")
