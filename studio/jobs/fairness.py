"""Who is next: whoever has had the least of the device, one picture at a time; one's own jobs in one's own order.

It owns the two queries that say so, and the order in which people were served since the start, which breaks ties. How
much of the device each has had is `shares`' to know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

RUN_OF_ONE_CHECKPOINT = 32
"""So many pictures in a row may a person's jobs of the resident checkpoint go before older ones that need another.
Loading takes seconds to a minute, a picture about as long: waiting for 32 costs an old job minutes, not hours."""

PICK_JOB = """
-- The job that gives the next picture. In this order it goes by:
--   1. the standing of its owner: seconds of the device, had and on their way; who has had least is next, and among
--      those who have had the same, who was served longest ago (the id breaks the tie of those who never were);
--   2. the owner's own priority, which therefore never goes before other people;
--   3. whether its checkpoint is in the worker already, unless this owner's older jobs have waited long enough;
--   4. age.
-- Paused jobs are passed over. Bound are, by name: standing and served, JSON objects of owner to seconds and to turn;
-- impatient, a JSON array of owners; resident, a SHA-256.
SELECT jobs.id AS job_id
FROM jobs
LEFT JOIN json_each(:standing) AS standing ON standing.key = jobs.owner_id
LEFT JOIN json_each(:served) AS turn ON turn.key = jobs.owner_id
WHERE jobs.state IN ('queued', 'running')
  AND NOT jobs.paused
  AND EXISTS (SELECT 1 FROM pictures WHERE pictures.state = 'queued' AND pictures.job_id = jobs.id)
ORDER BY
    COALESCE(standing.value, 0),
    COALESCE(turn.value, 0),
    jobs.owner_id,
    jobs.priority DESC,
    CASE
        WHEN jobs.owner_id IN (SELECT value FROM json_each(:impatient)) THEN 0
        WHEN json_extract(jobs.recipe, '$.checkpoint_sha256') = :resident THEN 0
        ELSE 1
    END,
    jobs.created_at,
    jobs.id
LIMIT 1
"""

PLACES = """
-- Each waiting job's place in line, from 1: everybody's first job, then everybody's second, and so on.
SELECT job_id, ROW_NUMBER() OVER (ORDER BY own_rank, created_at, job_id) AS place
FROM (
    SELECT
        id AS job_id,
        created_at,
        ROW_NUMBER() OVER (PARTITION BY owner_id ORDER BY priority DESC, created_at, id) AS own_rank
    FROM jobs
    WHERE state = 'queued' AND NOT paused
)
ORDER BY place
"""


@dataclass
class Turns:
    """Who was served since the start, in which order, and runs of one checkpoint. Not thread safe."""

    resident: str = ""
    _turn: int = 0
    _served: dict[str, int] = field(default_factory=dict)
    _runs: dict[str, tuple[str, int]] = field(default_factory=dict)

    def parameters(self, standing: Mapping[str, float]) -> dict[str, str]:
        """The bound values of `PICK_JOB`; ``standing`` is seconds by owner."""
        impatient = [owner for owner, (_, length) in self._runs.items() if length >= RUN_OF_ONE_CHECKPOINT]
        return {
            "standing": json.dumps(standing),
            "served": json.dumps(self._served),
            "impatient": json.dumps(impatient),
            "resident": self.resident,
        }

    def note(self, owner: str, checkpoint_sha256: str) -> None:
        """A picture of ``owner`` was taken. A run ends with another checkpoint, or when it is as long as may be."""
        self._turn += 1
        self._served[owner] = self._turn
        before, length = self._runs.get(owner, ("", 0))
        goes_on = before == checkpoint_sha256 and length < RUN_OF_ONE_CHECKPOINT
        self._runs[owner] = (checkpoint_sha256, length + 1 if goes_on else 1)
        self.resident = checkpoint_sha256
