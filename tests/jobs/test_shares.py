"""Fairness in seconds of the device: equal shares whatever pictures cost, no savings, nothing lost by a restart."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.jobs import Queue
from studio.jobs.records import TakenPicture
from studio.store import Database
from tests.jobs.parts import open_database, resolved

OWNERS = ("ann", "bob", "cid")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path, owners=OWNERS)
    yield database
    database.close()


@pytest.fixture
def queue(database: Database) -> Queue:
    return Queue(database)


def make(queue: Queue, picture: TakenPicture, seconds: float) -> None:
    """What the dispatcher and the clerk do when a picture is finished that took ``seconds``."""
    queue.shares.spend([(*picture.key, seconds / 2)])
    queue.shares.spend([(*picture.key, seconds / 2)])
    queue.shares.end(picture.key, is_made=True)
    queue.mark_done(*picture.key, f"{picture.job_id}-{picture.index}", seconds)


def served(queue: Queue) -> dict[str, float]:
    return {owner: seconds for owner, seconds in queue.shares.had_s().items() if seconds}


@pytest.mark.parametrize("places", [1, 8])
def test_three_who_queue_without_end_get_equal_seconds(queue: Queue, places: int) -> None:
    """One picture of ann's costs as much as twelve of bob's; what they cost is not what their size lets expect."""
    cost_s = {"ann": 6.0, "bob": 0.5, "cid": 2.0}
    size_px = {"ann": 512, "bob": 256, "cid": 256}
    for owner in OWNERS:
        queue.enqueue(owner, resolved(width_px=size_px[owner], height_px=size_px[owner]), 400, owner)
    chance = random.Random(7)
    inside: list[TakenPicture] = []
    for _ in range(320):
        inside += queue.next_pictures(places - len(inside))
        picture = inside.pop(chance.randrange(len(inside)))
        make(queue, picture, cost_s[picture.owner] * chance.uniform(0.8, 1.2))
    seconds = served(queue)
    assert set(seconds) == set(OWNERS)
    assert max(seconds.values()) - min(seconds.values()) <= 0.1 * min(seconds.values())


def test_nobody_saves_seconds_up(queue: Queue) -> None:
    queue.enqueue("ann", resolved(), 500, "a")
    for _ in range(100):
        make(queue, queue.next_pictures(1)[0], 10.0)
    queue.enqueue("bob", resolved(), 500, "b")
    first = [queue.next_pictures(1)[0] for _ in range(10)]
    assert [picture.owner for picture in first] == ["bob", "ann"] * 5


def test_who_has_had_much_while_alone_owes_nobody(queue: Queue) -> None:
    queue.enqueue("ann", resolved(), 50, "before")
    for _ in range(50):
        make(queue, queue.next_pictures(1)[0], 10.0)
    queue.enqueue("bob", resolved(), 50, "b")
    queue.enqueue("ann", resolved(), 50, "a")
    assert [queue.next_pictures(1)[0].owner for _ in range(8)].count("ann") >= 3


def test_a_picture_counts_before_it_is_made(queue: Queue) -> None:
    """All places are shared out at once, while nobody has had a second yet."""
    for owner in OWNERS:
        queue.enqueue(owner, resolved(), 50, owner)
    taken = [picture.owner for picture in queue.next_pictures(9)]
    assert {owner: taken.count(owner) for owner in OWNERS} == dict.fromkeys(OWNERS, 3)


def test_a_long_picture_on_its_way_counts_with_what_it_has_taken(queue: Queue) -> None:
    queue.enqueue("ann", resolved(), 2, "a")
    queue.enqueue("bob", resolved(), 50, "b")
    slow = queue.next_pictures(1)[0]
    queue.shares.spend([(*slow.key, 1000.0)])
    assert {queue.next_pictures(1)[0].owner for _ in range(20)} == {"bob"}


def test_what_was_had_outlives_the_studio_and_a_cancelled_picture_has_cost_too(database: Database) -> None:
    before = Queue(database)
    before.enqueue("ann", resolved(), 50, "a")
    before.enqueue("bob", resolved(), 50, "b")
    for _ in range(2):
        picture = before.next_pictures(1)[0]
        make(before, picture, {"ann": 8.0, "bob": 1.0}[picture.owner])
    running = next(picture for picture in before.next_pictures(3) if picture.owner == "bob")
    before.shares.spend([(*running.key, 3.0)])
    before.recover()
    after = Queue(database)
    after.recover()
    assert served(after) == {"ann": 8.0, "bob": 4.0}
    owed = [after.next_pictures(1)[0].owner for _ in range(3)]
    assert owed == ["bob"] * 3
    after.enqueue("cid", resolved(), 50, "c")
    assert after.shares.had_s()["cid"] >= 4.0


def test_one_more_than_there_are_places_for_who_has_nothing_on_its_way(queue: Queue) -> None:
    queue.enqueue("ann", resolved(), 100, "a")
    assert [picture.at_once for picture in queue.next_pictures(8, beyond=8)] == [False] * 8
    queue.enqueue("bob", resolved(), 3, "b")
    queue.enqueue("cid", resolved(), 3, "c")
    joined = queue.next_pictures(0, worker_is_empty=False, beyond=8)
    assert [(picture.owner, picture.at_once) for picture in joined] == [("bob", True), ("cid", True)]
    assert queue.next_pictures(0, worker_is_empty=False, beyond=6) == ()


def test_what_could_not_be_written_counts_against_nobody(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.enqueue("ann", resolved(), 4, "a")
    take, left = queue._next, iter([True, False])

    def fails(*arguments: object) -> object:
        if next(left):
            return take(*arguments)  # type: ignore[arg-type]
        raise OSError("the disk is gone")

    monkeypatch.setattr(queue, "_next", fails)
    with pytest.raises(OSError):
        queue.next_pictures(2)
    assert queue.shares.present() == []
    assert queue.get("ann", "a").pictures[0].state.value == "queued"
