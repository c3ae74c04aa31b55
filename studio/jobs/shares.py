"""What each person has had of the device, in measured seconds, and what is on its way for them.

Who stands lowest is next. While a picture is on its way it counts with what it is expected to take, or has taken
already where that is more; afterwards with what it took. Nobody saves seconds up: whoever comes with nothing waiting or
on its way stands no lower than the person who was served last, so a week's rest and a new account are worth the same.
What was had is kept in the database with each picture; only shares of pictures on their way are lost with the studio.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from studio.jobs.records import PictureKey
from studio.recipe import ResolvedRecipe
from studio.recipe.work import pixel_steps

FIRST_GUESS_S = 4e-7
"""Seconds for a pixel and step before anything was measured: 2 s for 512x512 in 20 steps. Only ratios matter."""

NEWEST_SHARE = 0.3
"""Weight of the newest measure in the running mean."""

DIGITS = 6
"""Standings are compared to the microsecond, so that sums in another order still tie."""


@dataclass
class _OnItsWay:
    owner: str
    checkpoint_sha256: str
    pixel_steps: int
    expected_s: float
    spent_s: float = 0.0


class Shares:
    """Seconds by person. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._had_s: dict[str, float] = {}
        self._on_its_way: dict[PictureKey, _OnItsWay] = {}
        self._seconds_per_pixel_step: dict[str, float] = {}
        self._served_last_s = 0.0

    def restore(self, had_s: Mapping[str, float], busy: Collection[str]) -> None:
        """Take over what is kept; ``busy`` are those with something to do, who keep what they are owed."""
        with self._lock:
            self._had_s = {**had_s, **self._had_s}
            standing = [self._had_s[owner] for owner in busy if owner in self._had_s]
            latest = min(standing) if standing else max(self._had_s.values(), default=0.0)
            self._served_last_s = max(self._served_last_s, latest)

    def arrive(self, owner: str) -> None:
        """Somebody comes who had nothing waiting and nothing on its way."""
        with self._lock:
            self._had_s[owner] = max(self._had_s.get(owner, 0.0), self._served_last_s)

    def take(self, owner: str, key: PictureKey, recipe: ResolvedRecipe) -> None:
        """A picture of ``owner``'s is handed to the worker."""
        with self._lock:
            self._served_last_s = max(self._served_last_s, self._standing(owner))
            work = pixel_steps(recipe)
            expected_s = work * self._pace(recipe.checkpoint_sha256)
            self._on_its_way[key] = _OnItsWay(owner, recipe.checkpoint_sha256, work, expected_s)

    def spend(self, shares: Iterable[tuple[str, int, float]]) -> None:
        """The engine has spent seconds on pictures, given as (job id, index, seconds)."""
        with self._lock:
            for job_id, index, seconds in shares:
                picture = self._on_its_way.get((job_id, index))
                if picture is not None:
                    picture.spent_s += seconds

    def end(self, key: PictureKey, *, is_made: bool = False) -> None:
        """A picture left the worker; from now on only what was spent on it counts. Harmless when repeated."""
        with self._lock:
            picture = self._on_its_way.pop(key, None)
            if picture is None:
                return
            self._had_s[picture.owner] = self._had_s.get(picture.owner, 0.0) + picture.spent_s
            if is_made and picture.spent_s > 0:
                newest = picture.spent_s / max(picture.pixel_steps, 1)
                before = self._seconds_per_pixel_step.get(picture.checkpoint_sha256, newest)
                self._seconds_per_pixel_step[picture.checkpoint_sha256] = before + NEWEST_SHARE * (newest - before)

    def standings(self) -> dict[str, float]:
        """Seconds by person: had, and on its way."""
        with self._lock:
            standing = dict(self._had_s)
            for picture in self._on_its_way.values():
                counted = max(picture.expected_s, picture.spent_s)
                standing[picture.owner] = standing.get(picture.owner, 0.0) + counted
            return {owner: round(seconds, DIGITS) for owner, seconds in standing.items()}

    def had_s(self) -> dict[str, float]:
        """Seconds by person, to be kept: had, and spent on what is on its way."""
        with self._lock:
            had = dict(self._had_s)
            for picture in self._on_its_way.values():
                had[picture.owner] = had.get(picture.owner, 0.0) + picture.spent_s
            return had

    def present(self) -> list[str]:
        """Who has a picture on its way."""
        with self._lock:
            return sorted({picture.owner for picture in self._on_its_way.values()})

    @property
    def is_measured(self) -> bool:
        """Whether anything has been made since the start, so that `expected_s` is more than a guess."""
        return bool(self._seconds_per_pixel_step)

    def expected_s(self, recipe: ResolvedRecipe) -> float:
        """What a picture will take of the device, from what such ones took."""
        with self._lock:
            return pixel_steps(recipe) * self._pace(recipe.checkpoint_sha256)

    def _standing(self, owner: str) -> float:
        mine = (one for one in self._on_its_way.values() if one.owner == owner)
        return self._had_s.get(owner, 0.0) + sum(max(one.expected_s, one.spent_s) for one in mine)

    def _pace(self, checkpoint_sha256: str) -> float:
        known = self._seconds_per_pixel_step
        return known.get(checkpoint_sha256) or max(known.values(), default=FIRST_GUESS_S)
