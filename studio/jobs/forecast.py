"""When waiting jobs begin and end, if nothing else is ordered: the queue played through in measured speeds.

Every place in the worker is a lane; whoever has had least takes the next one that is free, as the queue itself does it.
A checkpoint that must be loaded holds everybody up, once: that two which do not fit side by side push each other out is
not played, nor that one is read while others' pictures are made. So a forecast is what a person may plan by, and not a
promise.
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
    """The queue being played: when lanes are free, whose turn it is, and which checkpoints are loaded by then."""

    lanes: list[float]
    turns: list[tuple[float, int, str]]
    jobs: Mapping[str, list[Ahead]]
    left: dict[str, int]
    ready: set[str]
    ends: dict[str, float]
    starts: dict[str, float] = field(default_factory=dict)

    def next_picture(self, at_s: float | None = None) -> None:
        """Let whoever's turn it is begin a picture, in a lane, or beside them ``at_s``."""
        standing_s, arrival, owner = heapq.heappop(self.turns)
        job = self.jobs[owner][0]
        begin_s = heapq.heappop(self.lanes) if at_s is None else at_s
        if job.checkpoint not in self.ready:
            self.ready.add(job.checkpoint)
            self._hold_up(begin_s, job.load_s)
            begin_s += job.load_s
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

    def _hold_up(self, at_s: float, seconds: float) -> None:
        """Nobody goes on while a checkpoint is loaded, and no place that is free is taken. Lanes keep their order."""
        self.lanes = [lane_s + seconds for lane_s in self.lanes]
        self.ends = {job_id: end_s + seconds if end_s > at_s else end_s for job_id, end_s in self.ends.items()}


def forecast(jobs: Sequence[Ahead], standings: Mapping[str, float], places: int) -> dict[str, Expected]:
    """What to expect of each job. ``jobs`` come in the order of their owners; what is paused is left out."""
    loads: dict[str, float] = {}
    for job in (one for one in jobs if one.running_s):
        loads[job.checkpoint] = min(job.load_s, loads.get(job.checkpoint, job.load_s))
    now_s = sum(loads.values())  # what pictures on their way wait for themselves
    running = sorted(now_s + seconds for job in jobs for seconds in job.running_s)
    # Where more are on their way than there are places, the first that end leave none free.
    lanes = [now_s] * max(0, places - len(running)) + running[max(0, len(running) - places) :]
    by_owner: dict[str, list[Ahead]] = {}
    for job in jobs:
        if job.waiting:
            by_owner.setdefault(job.owner, []).append(job)
    present = {job.owner for job in jobs if job.running_s}
    turns = [(standings.get(owner, 0.0), arrival, owner) for arrival, owner in enumerate(by_owner)]
    left = {job.job_id: job.waiting for job in jobs if job.waiting}
    ends = {job.job_id: now_s + max(job.running_s) for job in jobs if job.running_s}
    play = _Play(lanes, sorted(turns), by_owner, left, set(loads), ends)
    waiting = min(sum(play.left.values()), MOST_PICTURES)
    for _ in range(waiting):
        newcomer = play.turns[0][2] not in present
        present.add(play.turns[0][2])
        play.next_picture(at_s=now_s if newcomer and play.lanes[0] > now_s else None)
    found = {}
    for job in jobs:
        if job.waiting and play.left.get(job.job_id):
            continue  # beyond what was played through
        starts_s = 0.0 if job.running_s else play.starts.get(job.job_id, 0.0)
        found[job.job_id] = Expected(starts_s, play.ends.get(job.job_id, 0.0))
    return found
