"""When waiting jobs begin and end, if nothing else is ordered: the queue played through in measured speeds.

Every place in the worker is a lane; whoever has had least takes the next one that is free, as the queue itself does it.
It knows nothing of checkpoints that must be loaded, so a forecast is what a person may plan by, not a promise.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MOST_PICTURES = 5000
"""So many pictures are played through; jobs behind them have no forecast."""


@dataclass(frozen=True)
class Ahead:
    """What is left of a job. ``running_s`` is how long each picture on its way still takes; ``picture_s`` how long one
    of the ``waiting`` ones will be on its way, and ``device_s`` what of that is the device's.
    """

    job_id: str
    owner: str
    running_s: tuple[float, ...]
    waiting: int
    picture_s: float
    device_s: float


@dataclass(frozen=True)
class Expected:
    """Seconds from now until a job's first picture that still waits begins, and until its last is made."""

    starts_in_s: float
    ends_in_s: float


@dataclass
class _Play:
    """The queue being played: when lanes are free, and whose turn it is."""

    lanes: list[float]
    turns: list[tuple[float, int, str]]
    jobs: Mapping[str, list[Ahead]]
    left: dict[str, int]
    starts: dict[str, float] = field(default_factory=dict)
    ends: dict[str, float] = field(default_factory=dict)

    def next_picture(self, at_s: float | None = None) -> None:
        """Let whoever's turn it is begin a picture, in a lane, or beside them ``at_s``."""
        standing_s, arrival, owner = heapq.heappop(self.turns)
        job = self.jobs[owner][0]
        begin_s = heapq.heappop(self.lanes) if at_s is None else at_s
        end_s = begin_s + job.picture_s
        if at_s is None:
            heapq.heappush(self.lanes, end_s)
        self.starts.setdefault(job.job_id, begin_s)
        self.ends[job.job_id] = max(self.ends.get(job.job_id, 0.0), end_s)
        self.left[job.job_id] -= 1
        if not self.left[job.job_id]:
            self.jobs[owner].pop(0)
        if self.jobs[owner]:
            heapq.heappush(self.turns, (standing_s + job.device_s, arrival, owner))


def forecast(jobs: Sequence[Ahead], standings: Mapping[str, float], places: int) -> dict[str, Expected]:
    """What to expect of each job. ``jobs`` come in the order of their owners; what is paused is left out."""
    running = sorted(seconds for job in jobs for seconds in job.running_s)
    # Where more are on their way than there are places, the first that end leave none free.
    lanes = [0.0] * max(0, places - len(running)) + running[max(0, len(running) - places) :]
    by_owner: dict[str, list[Ahead]] = {}
    for job in jobs:
        if job.waiting:
            by_owner.setdefault(job.owner, []).append(job)
    present = {job.owner for job in jobs if job.running_s}
    turns = [(standings.get(owner, 0.0), arrival, owner) for arrival, owner in enumerate(by_owner)]
    play = _Play(lanes, sorted(turns), by_owner, {job.job_id: job.waiting for job in jobs if job.waiting})
    waiting = min(sum(play.left.values()), MOST_PICTURES)
    for _ in range(waiting):
        newcomer = play.turns[0][2] not in present
        present.add(play.turns[0][2])
        play.next_picture(at_s=0.0 if newcomer and play.lanes[0] > 0 else None)
    found = {}
    for job in jobs:
        if job.waiting and play.left.get(job.job_id):
            continue  # beyond what was played through
        end_s = max((*job.running_s, play.ends.get(job.job_id, 0.0)), default=0.0)
        found[job.job_id] = Expected(0.0 if job.running_s else play.starts.get(job.job_id, 0.0), end_s)
    return found
