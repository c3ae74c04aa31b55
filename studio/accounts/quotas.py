"""How much a person may ask of the studio, by role. Admins, and whoever is alone on the machine, have no limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from studio.accounts.people import People


@dataclass(frozen=True)
class Quota:
    """Most pictures that wait, most ordered within an hour, most millions of pixels times steps of one; 0: no limit."""

    waiting_pictures: int = 0
    pictures_per_hour: int = 0
    megapixel_steps: int = 0

    @property
    def is_none(self) -> bool:
        return not (self.waiting_pictures or self.pictures_per_hour or self.megapixel_steps)


@dataclass(frozen=True)
class Quotas:
    """The quota of each role in ``by_role``; of ``people``."""

    people: People
    by_role: Mapping[str, Quota]

    def of(self, owner: str) -> Quota | None:
        """What ``owner`` may ask for; ``None`` where there is no limit."""
        person = self.people.by_id(owner)
        quota = self.by_role.get(person.role) if person else None
        return None if quota is None or quota.is_none else quota
