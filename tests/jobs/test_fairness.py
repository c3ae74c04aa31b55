"""Who is next: turns between people, order within one's own jobs, few loads of checkpoints, and a cheap query."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from studio.jobs import Queue
from studio.jobs.fairness import PICK_JOB, RUN_OF_ONE_CHECKPOINT, Turns
from studio.store import Database
from studio.store.tables import JobRow, PictureRow
from tests.jobs.parts import open_database, resolved

A, B = "a" * 64, "b" * 64


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path, owners=("ann", "bob", "cid"))
    yield database
    database.close()


@pytest.fixture
def queue(database: Database) -> Queue:
    return Queue(database)


def taken(queue: Queue, limit: int) -> list[str]:
    return [picture.job_id for picture in queue.next_pictures(limit)]


def test_people_take_turns_whoever_has_more(queue: Queue) -> None:
    queue.enqueue("ann", resolved(), 100, "a")
    assert taken(queue, 4) == ["a"] * 4
    queue.enqueue("bob", resolved(), 2, "b")
    queue.enqueue("cid", resolved(), 2, "c")
    assert taken(queue, 7) == ["b", "c", "a", "b", "c", "a", "a"]


def test_who_was_served_longest_ago_is_next_over_many_calls(queue: Queue) -> None:
    for owner in ("ann", "bob", "cid"):
        queue.enqueue(owner, resolved(), 50, owner)
    order = [taken(queue, 1)[0] for _ in range(30)]
    assert {owner: order.count(owner) for owner in ("ann", "bob", "cid")} == {"ann": 10, "bob": 10, "cid": 10}
    assert all(len(set(order[i : i + 3])) == 3 for i in range(28))


def test_ones_own_jobs_go_by_age_and_priority_counts_among_them_only(queue: Queue) -> None:
    queue.enqueue("ann", resolved(), 1, "ann-old")
    queue.enqueue("ann", resolved(), 1, "ann-new")
    queue.enqueue("bob", resolved(), 1, "bob-old")
    queue.enqueue("bob", resolved(), 1, "bob-urgent", priority=9)
    assert taken(queue, 4) == ["ann-old", "bob-urgent", "ann-new", "bob-old"]


def test_alternating_checkpoints_are_loaded_twice_only(queue: Queue) -> None:
    for number in range(10):
        queue.enqueue("ann", resolved(checkpoint_sha256=A if number % 2 == 0 else B), 1, f"{number}")
    order = [int(taken(queue, 1)[0]) for _ in range(10)]
    assert order == [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]


def test_an_old_job_does_not_wait_for_ever_for_another_checkpoint(queue: Queue) -> None:
    queue.enqueue("ann", resolved(checkpoint_sha256=A), 1, "first")
    queue.enqueue("ann", resolved(checkpoint_sha256=B), 1, "old")
    queue.enqueue("ann", resolved(checkpoint_sha256=A), 3 * RUN_OF_ONE_CHECKPOINT, "grid")
    order = [taken(queue, 1)[0] for _ in range(2 * RUN_OF_ONE_CHECKPOINT)]
    assert order.index("old") == RUN_OF_ONE_CHECKPOINT


def test_preferring_a_checkpoint_costs_nobody_else_a_turn(queue: Queue) -> None:
    queue.enqueue("ann", resolved(checkpoint_sha256=A), 6, "ann")
    queue.enqueue("bob", resolved(checkpoint_sha256=B), 3, "bob")
    assert [owner for owner, _ in groupby(taken(queue, 6))] == ["ann", "bob"] * 3


def test_places_are_everybodys_first_then_everybodys_second(queue: Queue) -> None:
    for job_id in ("a1", "a2", "b1", "c1", "a3", "b2"):
        queue.enqueue({"a": "ann", "b": "bob", "c": "cid"}[job_id[0]], resolved(), 2, job_id)
    assert list(queue.places()) == ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert list(queue.places().values()) == [1, 2, 3, 4, 5, 6]
    queue.next_pictures(1)
    assert "a1" not in queue.places()
    assert list(queue.places()) == ["a2", "b1", "c1", "a3", "b2"]


def test_the_pick_asks_indices_and_reads_no_finished_job(database: Database) -> None:
    with database.reading() as session:
        plan = [row.detail for row in session.execute(text("EXPLAIN QUERY PLAN " + PICK_JOB), Turns().parameters({}))]
    assert any("jobs USING INDEX ix_jobs_state_priority_created_at (state=?)" in line for line in plan), plan
    assert any("ix_pictures_state_job_id_idx (state=? AND job_id=?)" in line for line in plan), plan
    assert not any(line.startswith("SCAN") and ("jobs" in line or "pictures" in line) for line in plan), plan


def test_the_pick_is_quick_among_thousands(database: Database, queue: Queue) -> None:
    pattern = queue.enqueue("ann", resolved(), 1, "pattern")
    jobs = [
        {"id": f"{n}", "owner_id": ("ann", "bob", "cid")[n % 3], "count": 4, "state": "queued", "priority": 0}
        | {"recipe": pattern.recipe.model_dump(mode="json"), "created_at": pattern.created_at + timedelta(seconds=n)}
        for n in range(2000)
    ]
    pictures = [{"job_id": job["id"], "idx": i, "state": "queued", "attempts": 0} for job in jobs for i in range(4)]
    with database.session() as session:
        session.execute(insert(JobRow), jobs)
        session.execute(insert(PictureRow), pictures)
    begun_s = time.perf_counter()
    assert len(queue.next_pictures(8)) == 8
    assert time.perf_counter() - begun_s < 1.0
