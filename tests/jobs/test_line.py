"""One's own order: paused, moved, resumed and cleared jobs, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.errors import Conflict, InvalidField, NotFound
from studio.jobs import Queue
from studio.store import Database
from tests.jobs.parts import open_database, resolved


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path, owners=("ann", "bob"))
    yield database
    database.close()


@pytest.fixture
def queue(database: Database) -> Queue:
    return Queue(database)


def line(queue: Queue, owner: str = "ann") -> list[str]:
    return [job.id for job in queue.line.list(owner)]


def fill(queue: Queue, names: str = "abcd") -> None:
    for name in names:
        queue.enqueue("ann", resolved(checkpoint_sha256=("a" if name in "ac" else "b") * 64), 1, name)


@pytest.mark.parametrize(
    ("job", "place", "after"),
    [("d", 1, "dabc"), ("a", 4, "bcda"), ("b", 3, "acbd"), ("c", 2, "acbd"), ("b", 2, "abcd"), ("a", 99, "bcda")],
)
def test_a_moved_job_and_those_before_it_are_taken_in_the_order_shown(
    queue: Queue, job: str, place: int, after: str
) -> None:
    fill(queue)
    assert "".join(queue.line.move("ann", job, place)) == after
    assert "".join(line(queue)) == after
    upper = after[: max(after.index(job), "abcd".index(job)) + 1]
    taken = [queue.next_pictures(1)[0].job_id for _ in range(4)]
    assert "".join(taken[: len(upper)]) == upper  # whatever checkpoint is loaded


def test_moves_add_up_and_later_jobs_come_behind(queue: Queue) -> None:
    fill(queue)
    queue.line.move("ann", "d", 1)
    queue.line.move("ann", "c", 2)
    queue.line.move("ann", "d", 3)
    assert "".join(line(queue)) == "cadb"
    fill(queue, "e")
    assert "".join(line(queue)) == "cadbe"


def test_a_paused_job_gives_no_pictures_until_it_is_resumed(queue: Queue) -> None:
    fill(queue, "ab")
    assert queue.line.pause("ann", "a").paused
    assert [picture.job_id for picture in queue.next_pictures(5)] == ["b"]
    assert list(queue.places()) == []
    assert not queue.line.resume("ann", "a").paused
    assert [picture.job_id for picture in queue.next_pictures(5)] == ["a"]


def test_all_of_ones_own_are_paused_and_a_new_one_goes_ahead(queue: Queue) -> None:
    fill(queue, "abc")
    queue.enqueue("bob", resolved(), 1, "bobs")
    assert set(queue.line.pause_all("ann")) == {"a", "b", "c"}
    assert queue.line.pause_all("ann") == ()
    fill(queue, "d")
    assert {picture.job_id for picture in queue.next_pictures(9)} == {"bobs", "d"}
    assert set(queue.line.resume_all("ann")) == {"a", "b", "c"}


def test_a_pause_earns_nothing(queue: Queue) -> None:
    queue.enqueue("ann", resolved(), 9, "a")
    queue.enqueue("bob", resolved(), 99, "b")
    queue.line.pause("ann", "a")
    for _ in range(20):
        picture = queue.next_pictures(1)[0]
        queue.shares.spend([(*picture.key, 5.0)])
        queue.mark_done(*picture.key, f"i{picture.index}", 5.0)
    queue.line.resume("ann", "a")
    assert [queue.next_pictures(1)[0].owner for _ in range(6)].count("bob") >= 2


def test_a_pause_outlives_the_studio(database: Database, queue: Queue) -> None:
    fill(queue, "ab")
    queue.line.pause("ann", "a")
    again = Queue(database)
    again.recover()
    assert [picture.job_id for picture in again.next_pictures(5)] == ["b"]


def test_only_the_ended_are_cleared_and_they_are_still_there(queue: Queue) -> None:
    fill(queue, "abc")
    queue.cancel("ann", "a")
    for picture in queue.next_pictures(1):
        queue.mark_done(*picture.key, "image", 1.0)
    assert {job.id for job in queue.line.ended("ann")} == {"a", picture.job_id}
    assert queue.line.clear("bob") == 0
    assert queue.line.clear("ann") == 2
    assert queue.line.ended("ann") == () and len(line(queue)) == 1
    assert len(queue.list("ann")) == 3
    queue.retry("ann", "a")
    assert "a" in line(queue)


def test_impossible_wishes_are_refused(queue: Queue) -> None:
    fill(queue, "a")
    with pytest.raises(InvalidField, match="1 is the next"):
        queue.line.move("ann", "a", 0)
    for verb in (queue.line.pause, queue.line.resume, lambda owner, job_id: queue.line.move(owner, job_id, 1)):
        with pytest.raises(NotFound):
            verb("bob", "a")
    queue.cancel("ann", "a")
    for verb in (queue.line.pause, queue.line.resume, lambda owner, job_id: queue.line.move(owner, job_id, 1)):
        with pytest.raises(Conflict, match="ended"):
            verb("ann", "a")
