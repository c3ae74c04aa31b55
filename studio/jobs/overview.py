"""The queue as one person sees it: their own jobs in line, those that have ended, and how much others have waiting."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from studio.jobs.forecast import Ahead, Expected, forecast
from studio.jobs.pace import Pace, kind_of
from studio.jobs.shares import Shares
from studio.jobs.views import JobView
from studio.recipe.events import JobState


@dataclass(frozen=True)
class QueueEntry:
    """A job in the queue; ``expected`` is when it begins and ends, where anything was measured."""

    view: JobView
    expected: Expected | None = None

    def as_dict(self) -> dict[str, object]:
        """The job for JSON, with its pictures counted and not listed."""
        told = self.expected
        return {
            **self.view.as_summary(),
            "starts_in_s": None if told is None else round(told.starts_in_s, 1),
            "ends_in_s": None if told is None else round(told.ends_in_s, 1),
        }


@dataclass(frozen=True)
class Overview:
    """``own`` jobs in the order in which they are taken up, those that have ``ended``, the latest first, and what
    ``others`` have waiting: people, jobs and pictures, and nothing of what is in them.
    """

    own: tuple[QueueEntry, ...]
    ended: tuple[QueueEntry, ...]
    others: Mapping[str, int]

    def as_dict(self) -> dict[str, object]:
        """The queue for JSON."""
        return {
            "jobs": [entry.as_dict() for entry in self.own],
            "ended": [entry.as_dict() for entry in self.ended],
            "others": dict(self.others),
        }


LoadTimes = Callable[[Collection[str]], Mapping[str, float]]
"""Seconds until the checkpoints of these names can begin; those of which nothing is known are left out."""


@dataclass(frozen=True)
class Speeds:
    """What is known of how long things take: making pictures, what they take of the device, and loading checkpoints."""

    pace: Pace
    shares: Shares
    load_times: LoadTimes


def entries(
    views: Sequence[JobView], speeds: Speeds, places: int, owners: Collection[str] | None = None
) -> tuple[QueueEntry, ...]:
    """Of ``views``, everybody's unfinished jobs with each person's in order, those of ``owners``; ``None`` is all."""
    expected = _expected(views, speeds, places)
    return tuple(QueueEntry(view, expected.get(view.id)) for view in views if owners is None or view.owner in owners)


def others_than(owner: str, views: Sequence[JobView]) -> dict[str, int]:
    """How much everybody but ``owner`` has waiting or on its way."""
    theirs = [view for view in views if view.owner != owner and not view.paused]
    pictures = sum(not picture.state.finished for view in theirs for picture in view.pictures)
    return {"people": len({view.owner for view in theirs}), "jobs": len(theirs), "pictures": pictures}


def _expected(views: Sequence[JobView], speeds: Speeds, places: int) -> dict[str, Expected]:
    if not speeds.shares.is_measured:
        return {}
    pictures = sum(not picture.state.finished for view in views for picture in view.pictures)
    side_by_side = min(places, max(pictures, 1))
    going = [view for view in views if not view.paused]
    load_times = speeds.load_times({view.recipe.checkpoint for view in going})
    loading = {view.recipe.checkpoint: 1 - view.loading for view in going if view.loading is not None}
    load_s = {name: seconds * loading.get(name, 1.0) for name, seconds in load_times.items()}
    ahead = [_ahead(view, speeds, side_by_side, load_s) for view in going]
    return forecast(ahead, speeds.shares.standings(), places)


def _ahead(view: JobView, speeds: Speeds, side_by_side: int, load_s: Mapping[str, float]) -> Ahead:
    recipe, kind = view.recipe, kind_of(view.recipe)
    steps = view.pictures[0].steps
    device_s = speeds.shares.expected_s(recipe)
    # A kind that nobody has made yet: what it takes of the device, stretched by those beside it.
    picture_s = speeds.pace.picture_s(kind, steps) or device_s * side_by_side
    running = [picture for picture in view.pictures if picture.state is JobState.RUNNING]
    return Ahead(
        view.id,
        view.owner,
        tuple(picture_s * (1 - picture.step / max(1, picture.steps)) for picture in running),
        sum(picture.state is JobState.QUEUED for picture in view.pictures),
        picture_s,
        device_s,
        recipe.checkpoint,
        # Whose steps are behind them need none, whatever was last reported of the worker's memory.
        0.0 if any(picture.step for picture in running) else load_s.get(recipe.checkpoint, 0.0),
    )
