"""What somebody has typed before: the prompts of their jobs, templates as they were typed, the latest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from studio.store.database import Database
from studio.store.tables import JobRow

LOOKED_AT = 3000
"""Jobs that are looked through; who has ordered more finds older prompts in the gallery."""


@dataclass(frozen=True)
class TypedPrompt:
    """A prompt with its negative one, when it was ordered last, and how many pictures of it were ordered."""

    prompt: str
    negative_prompt: str
    last_used: datetime
    pictures: int

    def as_dict(self) -> dict[str, object]:
        """The prompt for JSON."""
        return {
            "prompt": self.prompt,
            "negative_prompt": self.negative_prompt,
            "last_used": self.last_used.isoformat(),
            "pictures": self.pictures,
        }


def typed_prompts(database: Database, owner: str, search: str = "", limit: int = 50) -> list[TypedPrompt]:
    """The prompts of ``owner``'s jobs that hold all words of ``search``, each once."""
    recipe = JobRow.recipe
    asked = (
        select(
            recipe["prompt"].as_string(),
            recipe["negative_prompt"].as_string(),
            recipe["templates"]["prompt"].as_string(),
            recipe["templates"]["negative_prompt"].as_string(),
            JobRow.created_at,
            JobRow.count,
        )
        .where(JobRow.owner_id == owner)
        .order_by(JobRow.created_at.desc())
        .limit(LOOKED_AT)
    )
    words = search.casefold().split()
    found: dict[tuple[str, str], TypedPrompt] = {}
    with database.reading() as session:
        for prompt, negative, template, negative_template, created_at, count in session.execute(asked):
            key = (template or prompt or "", negative_template or negative or "")
            before = found.get(key)
            if before is not None:
                found[key] = TypedPrompt(*key, before.last_used, before.pictures + count)
            elif key[0].strip() and all(word in f"{key[0]}\n{key[1]}".casefold() for word in words):
                found[key] = TypedPrompt(*key, created_at, count)
    return list(found.values())[:limit]
