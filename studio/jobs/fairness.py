"""Who is next: one picture for each person in turn, the one served longest ago first; one's own jobs in order.

It owns the two queries that say so, and the turns taken since the start. Turns are not kept over a restart: everybody
starts afresh, which costs a person one turn at most.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

RUN_OF_ONE_CHECKPOINT = 32
"""So many pictures in a row may a person's jobs of the resident checkpoint go before older ones that need another.
Loading takes seconds to a minute, a picture about as long: waiting for 32 costs an old job minutes, not hours."""

PICK_JOB = """
-- The job that gives the next picture. In this order it goes by:
--   1. the turn of its owner: who was served longest ago, and before all who never was (the id breaks the tie of
--      those, so that two of them take turns from then on);
--   2. the owner's own priority, which therefore never goes before other people;
--   3. whether its checkpoint is in the worker already, unless this owner's older jobs have waited long enough;
--   4. age.
-- Bound are, by name: served, a JSON object of owner to turn; impatient, a JSON array of owners; resident, a SHA-256.
SELECT jobs.id AS job_id
FROM jobs
LEFT JOIN json_each(:served) AS turn ON turn.key = jobs.owner_id
WHERE jobs.state IN ('queued', 'running')
  AND EXISTS (SELECT 1 FROM pictures WHERE pictures.state = 'queued' AND pictures.job_id = jobs.id)
ORDER BY
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
    WHERE state = 'queued'
)
ORDER BY place
"""


@dataclass
class Turns:
    """What has been served since the start: each owner's last turn, and runs of one checkpoint. Not thread safe."""

    resident: str = ""
    _turn: int = 0
    _served: dict[str, int] = field(default_factory=dict)
    _runs: dict[str, tuple[str, int]] = field(default_factory=dict)

    def parameters(self) -> dict[str, str]:
        """The bound values of `PICK_JOB`."""
        impatient = [owner for owner, (_, length) in self._runs.items() if length >= RUN_OF_ONE_CHECKPOINT]
        return {"served": json.dumps(self._served), "impatient": json.dumps(impatient), "resident": self.resident}

    def note(self, owner: str, checkpoint_sha256: str) -> None:
        """A picture of ``owner`` was taken. A run ends with another checkpoint, or when it is as long as may be."""
        self._turn += 1
        self._served[owner] = self._turn
        before, length = self._runs.get(owner, ("", 0))
        goes_on = before == checkpoint_sha256 and length < RUN_OF_ONE_CHECKPOINT
        self._runs[owner] = (checkpoint_sha256, length + 1 if goes_on else 1)
        self.resident = checkpoint_sha256
