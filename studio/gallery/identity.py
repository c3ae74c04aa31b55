"""Who a picture is: the chunk ``latent-studio-image`` of each of our PNGs, so that rows can be made from files.

The recipe is not in it: that stands in the chunks of ``recipe.metadata``, which other programs read too.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import PurePosixPath

KEYWORD = "latent-studio-image"
_ID = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[^\x00-\x1f]{1,200}")


@dataclass(frozen=True)
class Identity:
    """An image's opaque id, whose it is, which picture of which job, and when it was made (with time zone)."""

    id: str
    owner: str
    job_id: str
    index: int
    created_at: datetime

    @classmethod
    def new(cls, owner: str, job_id: str, index: int) -> Identity:
        """A fresh identity: 128 random bits, now."""
        return cls(secrets.token_hex(16), owner, job_id, index, datetime.now(timezone.utc))

    def file(self, seed: int) -> str:
        """Where the picture lies in the folder of images: by local day and time, as people look for it."""
        local = self.created_at.astimezone()
        return str(PurePosixPath(f"{local:%Y-%m-%d}", f"{local:%H%M%S}-{seed}-{self.id}.png"))

    def to_png_text(self) -> dict[str, str]:
        """The chunk to write."""
        content = {
            "id": self.id,
            "owner": self.owner,
            "job_id": self.job_id,
            "index": self.index,
            "created_at": self.created_at.isoformat(),
        }
        return {KEYWORD: json.dumps(content)}

    @classmethod
    def from_png_text(cls, text: Mapping[str, str]) -> Identity | None:
        """The identity in a PNG's text; ``None`` when there is none, or one that we never wrote."""
        try:
            content = json.loads(text[KEYWORD])
            created_at = datetime.fromisoformat(content["created_at"])
            identity = cls(content["id"], content["owner"], content["job_id"], content["index"], created_at)
        except (KeyError, TypeError, ValueError, RecursionError):
            return None
        return identity if identity._is_sane() else None

    def _is_sane(self) -> bool:
        texts = (self.id, self.owner, self.job_id)
        return (
            all(isinstance(value, str) and _NAME.fullmatch(value) for value in texts)
            and bool(_ID.fullmatch(self.id))
            and type(self.index) is int
            and 0 <= self.index < 2**31
            and self.created_at.tzinfo is not None
        )
