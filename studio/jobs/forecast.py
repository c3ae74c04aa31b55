"""When waiting jobs begin and end, if nothing else is ordered: the queue played through in measured speeds.

Every place in the worker is a lane; whoever has had least takes the next one that is free, as the queue itself does it.
A checkpoint that must be loaded is loaded once, one after the other, and has half of the time while others' pictures
are on their way, as in the engine. That two which do not fit side by side push each other out is not played, nor that
one is read ahead. So a forecast is what a person may plan by, and not a promise.
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
    of the ``waiting`` ones will be on its way, and ``device_s`` what of that is the device's. ``load_s`` is what is
    left of loading its ``checkpoint``: 0 where that can begin at once.
    """

    job_id: str
    owner: str
    running_s: tuple[float, ...]
    waiting: int
    picture_s: float
    device_s: float
    checkpoint: str = ""
    load_s: float = 0.0


@dataclass(frozen=True)
class Expected:
    """Seconds from now until a job's first picture that still waits begins, and until its last is made."""

    starts_in_s: float
    ends_in_s: float


@dataclass
class _Play:
    """The queue being played: when lanes are free, whose turn it is, and when checkpoints are there; ``loads_until`` is
    when the last load ends.
    """

    turns: list[tuple[float, int, str]]
    jobs: Mapping[str, list[Ahead]]
    left: dict[str, int]
    lanes: list[float] = field(default_factory=list)
    ready: dict[str, float] = field(default_factory=dict)
    loads_until: float = 0.0
    starts: dict[str, float] = field(default_factory=dict)
    ends: dict[str, float] = field(default_factory=dict)

    def take_up(self, jobs: Sequence[Ahead], places: int) -> None:
        """What is on its way: first what is being made, then what waits for its checkpoint."""
        loads: dict[str, float] = {}
        for job in jobs:
            loads[job.checkpoint] = min(job.load_s, loads.get(job.checkpoint, job.load_s))
        for checkpoint, load_s in sorted(loads.items(), key=lambda one: one[1]):
            self.ready[checkpoint] = self._load(0.0, load_s)
            for job in (one for one in jobs if one.checkpoint == checkpoint):
                ends_s = [self.ready[checkpoint] + seconds for seconds in job.running_s]
                self.ends[job.job_id] = max(ends_s)
                self.lanes += ends_s
        self.lanes.sort()
        # Where more are on their way than there are places, the first that end leave none free.
        self.lanes = [0.0] * (places - len(self.lanes)) + self.lanes[max(0, len(self.lanes) - places) :]

    def next_picture(self, at_s: float | None = None) -> None:
        """Let whoever's turn it is begin a picture, in a lane, or beside them ``at_s``."""
        standing_s, arrival, owner = heapq.heappop(self.turns)
        job = self.jobs[owner][0]
        begin_s = heapq.heappop(self.lanes) if at_s is None else at_s
        if job.checkpoint not in self.ready:
            self.ready[job.checkpoint] = self._load(begin_s, job.load_s)
        begin_s = max(begin_s, self.ready[job.checkpoint])
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

    def _load(self, at_s: float, load_s: float) -> float:
        """Load a checkpoint beside what is on its way, each at half its pace as long as both last; when it is there."""
        if not load_s:
            return 0.0
        at_s = max(at_s, self.loads_until)

        def slowed(end_s: float) -> float:
            return end_s + min(max(end_s - at_s, 0.0), load_s)

        others_s = max((lane_s - at_s for lane_s in self.lanes), default=0.0)
        self.loads_until = at_s + load_s + min(max(others_s, 0.0), load_s)
        self.lanes = [slowed(lane_s) for lane_s in self.lanes]  # which keeps their order
        self.ends = {job_id: slowed(end_s) for job_id, end_s in self.ends.items()}
        return self.loads_until


def forecast(jobs: Sequence[Ahead], standings: Mapping[str, float], places: int) -> dict[str, Expected]:
    """What to expect of each job. ``jobs`` come in the order of their owners; what is paused is left out."""
    by_owner: dict[str, list[Ahead]] = {}
    for job in jobs:
        if job.waiting:
            by_owner.setdefault(job.owner, []).append(job)
    present = {job.owner for job in jobs if job.running_s}
    turns = [(standings.get(owner, 0.0), arrival, owner) for arrival, owner in enumerate(by_owner)]
    left = {job.job_id: job.waiting for job in jobs if job.waiting}
    play = _Play(sorted(turns), by_owner, left)
    play.take_up([job for job in jobs if job.running_s], places)
    waiting = min(sum(play.left.values()), MOST_PICTURES)
    for _ in range(waiting):
        newcomer = play.turns[0][2] not in present
        present.add(play.turns[0][2])
        play.next_picture(at_s=0.0 if newcomer and play.lanes[0] > 0 else None)
    found = {}
    for job in jobs:
        if job.waiting and play.left.get(job.job_id):
            continue  # beyond what was played through
        starts_s = 0.0 if job.running_s else play.starts.get(job.job_id, 0.0)
        found[job.job_id] = Expected(starts_s, play.ends.get(job.job_id, 0.0))
    return found
