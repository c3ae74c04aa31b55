"""The queue on a real database: states, ownership, repetition, recovery, and what is parked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from studio.errors import Conflict, InvalidField, NotFound
from studio.gallery import Gallery
from studio.jobs import Job, Order, Queue
from studio.jobs.typed import typed_prompts
from studio.paths import Paths
from studio.recipe.events import JobState, Pixels
from studio.store import Database
from tests.jobs.parts import open_database, resolved

QUEUED, RUNNING, DONE = JobState.QUEUED, JobState.RUNNING, JobState.DONE
FAILED, CANCELLED = JobState.FAILED, JobState.CANCELLED


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path, owners=("ann", "bob"))
    yield database
    database.close()


@pytest.fixture
def queue(database: Database) -> Queue:
    return Queue(database)


def states(job: Job) -> list[JobState]:
    return [picture.state for picture in job.pictures]


def taken_keys(queue: Queue, limit: int, **options: Any) -> list[tuple[str, int]]:
    return [picture.key for picture in queue.next_pictures(limit, **options)]


def test_a_job_comes_back_as_it_was_ordered(queue: Queue) -> None:
    recipe = resolved(prompt='ünïcode, {json} "quotes"', seed=2**32 - 1)
    job = queue.enqueue("ann", recipe, 3)
    assert queue.get("ann", job.id) == job
    assert job.recipe == recipe
    assert (job.owner, job.count, job.state) == ("ann", 3, QUEUED)
    assert states(job) == [QUEUED] * 3


def test_pictures_that_differ_from_their_job_are_taken_as_they_were_ordered(queue: Queue) -> None:
    changes = [None, {"prompt": "a blue cat", "templates": {"prompt": "a {red|blue} cat"}}, {"seed": 7}]
    job = queue.enqueue("ann", resolved(seed=100), 3, changes=changes)
    expected = [("a red cat", 100), ("a blue cat", 101), ("a red cat", 7)]
    assert [(one.prompt, one.seed) for one in map(job.recipe_of, job.pictures)] == expected
    taken = queue.next_pictures(3)
    assert [(picture.recipe.prompt, picture.recipe.seed) for picture in taken] == expected
    assert taken[1].recipe.templates.prompt == "a {red|blue} cat"


def test_a_repeated_order_with_other_words_for_its_pictures_is_another(queue: Queue) -> None:
    words = [None, {"prompt": "a red cat, at night"}]
    for _ in range(2):
        queue.enqueue("ann", resolved(), 2, "matrix", changes=words)
    with pytest.raises(Conflict):
        queue.enqueue("ann", resolved(), 2, "matrix", changes=[None, {"prompt": "a red cat, in snow"}])


def test_prompts_of_before_are_ones_own(queue: Queue, database: Database) -> None:
    queue.enqueue("ann", resolved(prompt="a red cat", templates={"prompt": "a {red|blue} cat"}))
    queue.enqueue("bob", resolved(prompt="a secret"))
    assert [one.prompt for one in typed_prompts(database, "ann")] == ["a {red|blue} cat"]
    assert [one.prompt for one in typed_prompts(database, "bob", "SECRET a")] == ["a secret"]
    assert typed_prompts(database, "bob", "cat") == []


def test_several_orders_are_queued_together_or_not_at_all(queue: Queue) -> None:
    jobs = queue.enqueue_all("ann", [Order(resolved(), 2, "a-1"), Order(resolved(prompt="a dog"), 1, "a-2")])
    assert [(job.id, job.count) for job in jobs] == [("a-1", 2), ("a-2", 1)]
    assert taken_keys(queue, 9) == [("a-1", 0), ("a-1", 1), ("a-2", 0)]
    with pytest.raises(Conflict):
        queue.enqueue_all("ann", [Order(resolved(), 1, "b-1"), Order(resolved(prompt="another"), 1, "a-2")])
    with pytest.raises(InvalidField):
        queue.enqueue_all("ann", [Order(resolved(), 1, "b-1"), Order(resolved(), 0, "b-2")])
    assert {job.id for job in queue.list("ann")} == {"a-1", "a-2"}


def test_a_repeated_order_is_harmless(queue: Queue) -> None:
    first = queue.enqueue("ann", resolved(), 2, "mine")
    queue.next_pictures(1)
    again = queue.enqueue("ann", resolved(), 2, "mine")
    assert again.created_at == first.created_at
    assert states(again) == [RUNNING, QUEUED]
    assert len(queue.list("ann")) == 1


def test_a_repeated_order_may_have_rolled_another_seed(queue: Queue) -> None:
    queue.enqueue("ann", resolved(seed=1), 2, "mine", rolled={"seed"})
    assert queue.enqueue("ann", resolved(seed=2), 2, "mine", rolled={"seed"}).recipe.seed == 1
    with pytest.raises(Conflict):
        queue.enqueue("ann", resolved(seed=2), 2, "mine")


@pytest.mark.parametrize(
    ("owner", "prompt", "count"), [("ann", "another", 2), ("ann", "a red cat", 3), ("bob", "a red cat", 2)]
)
def test_an_id_cannot_be_used_for_another_order(queue: Queue, owner: str, prompt: str, count: int) -> None:
    queue.enqueue("ann", resolved(), 2, "mine")
    with pytest.raises(Conflict, match="mine"):
        queue.enqueue(owner, resolved(prompt=prompt), count, "mine")


@pytest.mark.parametrize("job_id", ["", "a b", "x" * 65, "../up", "ä"])
def test_an_impossible_id_is_refused(queue: Queue, job_id: str) -> None:
    with pytest.raises(InvalidField, match="id"):
        queue.enqueue("ann", resolved(), 1, job_id)


def test_a_job_needs_pictures_and_an_owner(queue: Queue) -> None:
    with pytest.raises(InvalidField, match="count"):
        queue.enqueue("ann", resolved(), 0)
    with pytest.raises(NotFound, match="nobody"):
        queue.enqueue("eve", resolved(), 1)
    assert queue.unfinished() == ()


def test_the_jobs_of_others_do_not_exist(queue: Queue) -> None:
    job = queue.enqueue("ann", resolved(), 1)
    for ask in (queue.get, queue.cancel, queue.retry):
        with pytest.raises(NotFound) as stranger:
            ask("bob", job.id)
        with pytest.raises(NotFound) as nothing:
            ask("bob", "never-was")
        assert str(stranger.value).replace(job.id, "never-was") == str(nothing.value)
    assert queue.list("bob") == ()
    assert states(queue.get("ann", job.id)) == [QUEUED]


def test_jobs_are_listed_newest_first(queue: Queue) -> None:
    ids = [queue.enqueue("ann", resolved(), 1).id for _ in range(5)]
    assert [job.id for job in queue.list("ann", limit=3)] == ids[:1:-1]
    assert [job.id for job in queue.unfinished()] == ids


def test_seeds_count_up_in_what_is_taken(queue: Queue) -> None:
    queue.enqueue("ann", resolved(seed=2**32 - 1), 3)
    assert [picture.recipe.seed for picture in queue.next_pictures(3)] == [2**32 - 1, 0, 1]


def test_a_job_lives_from_queued_to_done(queue: Queue) -> None:
    job = queue.enqueue("ann", resolved(), 2, "j")
    assert taken_keys(queue, 1) == [("j", 0)]
    assert queue.get("ann", "j").state is RUNNING
    assert queue.mark_done("j", 0, "image-0", 1.5)
    between = queue.get("ann", "j")
    assert between.state is RUNNING, "a job that has begun does not fall back between two of its pictures"
    assert (between.pictures[0].image_id, between.pictures[0].seconds) == ("image-0", 1.5)
    assert taken_keys(queue, 5) == [("j", 1)]
    queue.mark_done("j", 1, "image-1", 1.5)
    ended = queue.get("ann", "j")
    assert ended.state is DONE
    assert ended.started_at is not None and ended.finished_at is not None
    assert job.created_at <= ended.started_at <= ended.finished_at
    assert taken_keys(queue, 5) == []


def test_a_message_that_comes_twice_or_late_changes_nothing(queue: Queue) -> None:
    queue.enqueue("ann", resolved(), 1, "j")
    assert not queue.mark_done("j", 0, "too-early", 1)
    queue.next_pictures(1)
    assert queue.mark_done("j", 0, "first", 1)
    assert not queue.mark_done("j", 0, "second", 1)
    assert not queue.mark_failed("j", 0, "late")
    assert not queue.mark_cancelled("j", 0)
    assert queue.cancel("ann", "j").pictures[0].image_id == "first"
    assert queue.get("ann", "j").state is DONE


def test_a_failed_picture_leaves_its_reason_and_the_others_alone(queue: Queue) -> None:
    queue.enqueue("ann", resolved(), 3, "j")
    queue.next_pictures(3)
    queue.mark_failed("j", 1, "too large")
    queue.mark_done("j", 0, "a", 1)
    queue.mark_done("j", 2, "b", 1)
    job = queue.get("ann", "j")
    assert states(job) == [DONE, FAILED, DONE]
    assert (job.state, job.error) == (FAILED, "too large")


def test_cancel_keeps_what_is_finished(queue: Queue) -> None:
    queue.enqueue("ann", resolved(), 4, "j")
    queue.next_pictures(3)
    queue.mark_done("j", 0, "a", 1)
    assert states(queue.cancel("ann", "j", keep=[1])) == [DONE, RUNNING, CANCELLED, CANCELLED]
    assert queue.get("ann", "j").state is RUNNING
    queue.mark_done("j", 1, "b", 1)
    assert queue.get("ann", "j").state is CANCELLED
    assert taken_keys(queue, 9) == []


def test_a_saved_picture_is_done_even_when_cancelled_meanwhile(queue: Queue) -> None:
    queue.enqueue("ann", resolved(), 1, "j")
    queue.next_pictures(1)
    queue.cancel("ann", "j")
    assert queue.mark_done("j", 0, "saved", 1)
    assert queue.get("ann", "j").state is DONE


def test_retry_takes_up_only_what_is_not_done(queue: Queue) -> None:
    queue.enqueue("ann", resolved(), 3, "j")
    queue.next_pictures(2)
    queue.mark_done("j", 0, "a", 1)
    queue.mark_failed("j", 1, "no room")
    queue.cancel("ann", "j")
    again = queue.retry("ann", "j")
    assert states(again) == [DONE, QUEUED, QUEUED]
    assert (again.state, again.error, again.finished_at) == (QUEUED, None, None)
    assert again.pictures[1].error is None
    assert [picture.recipe.seed for picture in queue.next_pictures(5)] == [101, 102]


def test_what_was_running_waits_again_after_a_restart(database: Database, queue: Queue) -> None:
    queue.enqueue("ann", resolved(), 4, "j")
    queue.next_pictures(3)
    queue.mark_done("j", 0, "a", 1)
    after = Queue(database)
    assert after.recover() == 2
    job = after.get("ann", "j")
    assert (job.state, states(job)) == (QUEUED, [DONE, QUEUED, QUEUED, QUEUED])
    assert [picture.attempts for picture in job.pictures] == [0] * 4
    assert taken_keys(after, 9) == [("j", 1), ("j", 2), ("j", 3)]


def test_a_picture_saved_just_before_the_end_is_found_and_not_made_again(database: Database, tmp_path: Path) -> None:
    queue = Queue(database)
    queue.enqueue("ann", resolved(), 2, "j")
    first = queue.next_pictures(1)[0]
    image = Gallery(database, Paths.at(tmp_path)).add(Pixels(64, 64, bytes(12288)), first.recipe, {}, "ann", "j", 0)
    queue.recover()
    job = queue.get("ann", "j")
    assert states(job) == [DONE, QUEUED]
    assert job.pictures[0].image_id == image.id


def test_a_job_that_ran_when_a_worker_died_gets_the_next_one_for_itself(queue: Queue) -> None:
    queue.enqueue("ann", resolved(), 2, "a")
    queue.enqueue("bob", resolved(), 2, "b")
    keys = taken_keys(queue, 3)
    assert keys == [("a", 0), ("b", 0), ("a", 1)]
    assert queue.worker_died(started=keys[:2], waiting=keys[2:], reason="SIGKILL") == ()
    job = queue.get("ann", "a")
    assert (job.state, [picture.attempts for picture in job.pictures]) == (QUEUED, [1, 0])
    assert queue.next_pictures(8, worker_is_empty=False) == ()
    alone = queue.next_pictures(8)
    assert {picture.job_id for picture in alone} == {"b"}, "bob was served longest ago"
    assert all(picture.suspect for picture in alone)


def test_a_job_that_killed_two_workers_is_parked_whole(queue: Queue) -> None:
    queue.enqueue("ann", resolved(), 12, "bad")
    queue.enqueue("bob", resolved(), 1, "good")
    first = taken_keys(queue, 4)
    queue.worker_died(started=first, waiting=(), reason="SIGSEGV")
    parked: tuple[str, ...] = ()
    for _ in range(3):
        keys = taken_keys(queue, 4)
        if keys == [("good", 0)]:
            queue.mark_done("good", 0, "image", 1)
        elif keys:
            parked += queue.worker_died(started=keys, waiting=(), reason="SIGSEGV")
    assert parked == ("bad",)
    job = queue.get("ann", "bad")
    assert (job.state, states(job)) == (FAILED, [FAILED] * 12)
    assert "killed twice" in (job.error or "") and "SIGSEGV" in (job.error or "")
    assert queue.get("bob", "good").state is DONE
    assert [picture.attempts for picture in queue.retry("ann", "bad").pictures] == [0] * 12


def test_waiting_inside_a_dying_worker_counts_against_nobody(queue: Queue) -> None:
    queue.enqueue("ann", resolved(), 1, "j")
    for _ in range(5):
        queue.worker_died((), taken_keys(queue, 1), "SIGKILL")
    job = queue.get("ann", "j")
    assert (job.state, job.pictures[0].attempts) == (QUEUED, 0)


def test_cancelled_pictures_stay_cancelled_when_the_worker_dies(queue: Queue) -> None:
    queue.enqueue("ann", resolved(), 1, "j")
    keys = taken_keys(queue, 1)
    queue.cancel("ann", "j")
    queue.worker_died(keys, (), "SIGKILL")
    assert queue.get("ann", "j").state is CANCELLED


@pytest.mark.parametrize("jobs", [1, 40])
def test_a_list_takes_as_many_queries_for_one_job_as_for_forty(database: Database, jobs: int) -> None:
    queue = Queue(database)
    for _ in range(jobs):
        queue.enqueue("ann", resolved(), 3)
    asked: list[str] = []
    event.listen(database._engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    assert len(queue.list("ann", 50)) == jobs
    assert len([one for one in asked if one.startswith("SELECT")]) == 2
