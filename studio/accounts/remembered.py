"""What the studio remembers of each person between devices: the form as it stands, and how they like the page.

Whoever writes last wins; the revision tells a device that another one was faster.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from studio.errors import InvalidField
from studio.store import Database
from studio.store.tables import RememberedRow

FORM, LIKINGS = "form", "settings"
MOST_BYTES = 200_000
"""Of a form: room for the longest prompts, four times over."""

Scalar = str | int | float | bool | None


Theme = Literal["system", "light", "dark"]
Previews = Literal["all", "few", "none"]
DownloadFormat = Literal["png", "jpeg", "webp", "avif"]


class Likings(BaseModel):
    """How somebody likes the page; every device of theirs follows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    theme: Theme = Field("system", description="Colours of the page.")
    previews: Previews = Field("all", description="Live previews: as they come, one in two seconds, or none.")
    sound: bool = Field(False, description="A sound when pictures are done.")
    notices: bool = Field(False, description="A notice of the browser when pictures are done and the page is hidden.")
    download_format: DownloadFormat = Field("png", description="Format of downloads.")


@dataclass(frozen=True)
class Remembered:
    """Something remembered: ``revision`` counts the times it was written, 0 for never."""

    content: Mapping[str, Any] | None = None
    revision: int = 0
    changed_at: datetime | None = None


class Memories:
    """What is remembered in ``database``, by owner."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def form(self, owner: str) -> Remembered:
        """Somebody's form as they left it."""
        return self._recall(owner, FORM)

    def keep_form(self, owner: str, values: Mapping[str, Scalar]) -> int:
        """Remember somebody's form; answers its revision. Raises `InvalidField` for what is no form."""
        try:
            size = len(json.dumps(values, ensure_ascii=False, allow_nan=False).encode())
        except ValueError:  # half a character, or a number that is none
            raise InvalidField("values", "they hold what no text can", "whole characters and numbers") from None
        if size > MOST_BYTES:
            raise InvalidField("values", f"{size} bytes are more than a form has", f"up to {MOST_BYTES} bytes")
        return self._keep(owner, FORM, values)

    def likings(self, owner: str) -> Likings:
        """How somebody likes the page; what a newer or older studio wrote counts as far as it is understood."""
        kept = self._recall(owner, LIKINGS).content or {}
        likings = Likings.model_validate({})
        for name in Likings.model_fields.keys() & kept.keys():
            try:
                likings = Likings.model_validate({**likings.model_dump(), name: kept[name]})
            except ValueError:
                continue
        return likings

    def like(self, owner: str, changes: Mapping[str, Any]) -> Likings:
        """Remember some of the likings; the others stay."""
        with self.database.session():
            likings = Likings.model_validate({**self.likings(owner).model_dump(), **changes})
            self._keep(owner, LIKINGS, likings.model_dump())
        return likings

    def _recall(self, owner: str, name: str) -> Remembered:
        with self.database.reading() as session:
            row = session.get(RememberedRow, (owner, name))
            return Remembered(row.content, row.revision, row.changed_at) if row else Remembered()

    def _keep(self, owner: str, name: str, content: Mapping[str, Any]) -> int:
        with self.database.session() as session:
            row = session.get(RememberedRow, (owner, name))
            if row is None:
                row = RememberedRow(owner_id=owner, name=name, revision=0)
                session.add(row)
            row.content, row.revision, row.changed_at = dict(content), row.revision + 1, datetime.now(timezone.utc)
            return row.revision
