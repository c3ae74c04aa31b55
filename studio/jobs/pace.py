"""How long things take, from what was measured: seconds per step, and from the last step to the finished picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from studio.jobs.records import PictureKey
from studio.recipe import ResolvedRecipe

NEWEST_SHARE = 0.3
"""Weight of the newest measure in the running mean: about the last six count, so a fuller round soon shows."""

Kind = tuple[str, str, int, int]


def kind_of(recipe: ResolvedRecipe) -> Kind:
    """What decides how long a step takes: checkpoint, sampler and size."""
    return recipe.checkpoint_sha256, recipe.sampler, recipe.width_px, recipe.height_px


@dataclass
class _Measured:
    step_s: float | None = None
    tail_s: float | None = None


@dataclass
class Pace:
    """Running means by kind of picture. Moments are seconds of a monotonic clock. Not thread safe."""

    _kinds: dict[Kind, _Measured] = field(default_factory=dict)
    _last: dict[PictureKey, tuple[int, float]] = field(default_factory=dict)

    def stepped(self, key: PictureKey, kind: Kind, step: int, now_s: float) -> None:
        """``step`` steps of a picture are behind it."""
        before, at_s = self._last.get(key, (step, now_s))
        self._last[key] = (step, now_s)
        if step > before:
            measured = self._kinds.setdefault(kind, _Measured())
            measured.step_s = _mean(measured.step_s, (now_s - at_s) / (step - before))

    def finished(self, key: PictureKey, kind: Kind, now_s: float) -> None:
        """A picture is made; what passed since its last step was decoding."""
        _, at_s = self._last.pop(key, (0, now_s))
        measured = self._kinds.setdefault(kind, _Measured())
        measured.tail_s = _mean(measured.tail_s, now_s - at_s)

    def forget(self, key: PictureKey) -> None:
        """A picture ended in another way."""
        self._last.pop(key, None)

    def picture_s(self, kind: Kind, steps: int) -> float | None:
        """How long a picture of that many steps is on its way, beside as many others as lately; ``None`` unmeasured."""
        measured = self._kinds.get(kind)
        return None if measured is None or measured.step_s is None else steps * measured.step_s + (measured.tail_s or 0)

    def seconds_left(self, kind: Kind, running_steps: Sequence[int], waiting_steps: int) -> float | None:
        """An estimate for a job, or ``None`` without a measure or while none of its pictures runs.

        ``running_steps`` are the steps that each running picture has before it, ``waiting_steps`` those of all waiting
        ones together. It takes for granted that as many of the job's pictures go on running side by side as do now.
        """
        measured = self._kinds.get(kind)
        if measured is None or measured.step_s is None or not running_steps:
            return None
        rounds = max(max(running_steps), (sum(running_steps) + waiting_steps) / len(running_steps))
        return rounds * measured.step_s + (measured.tail_s or 0.0)


def _mean(before: float | None, newest: float) -> float:
    return newest if before is None else before + NEWEST_SHARE * (newest - before)
