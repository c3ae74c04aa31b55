"""The whole back room at work: real worker processes, real files, real kills."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image
from sqlalchemy import event

from studio.errors import Cancelled, DamagedModel, NotFound, StorageFull
from studio.jobs import JobUpdate, JobView, Located, Subscription
from studio.jobs.dispatcher import _Flight
from studio.jobs.supervisor import Lost
from studio.recipe import ResolvedRecipe
from studio.recipe.events import JobState, PictureDone, PictureStep
from tests.jobs.parts import Parts, resolved, wait_for

DONE, FAILED, CANCELLED, RUNNING, QUEUED = (
    JobState.DONE,
    JobState.FAILED,
    JobState.CANCELLED,
    JobState.RUNNING,
    JobState.QUEUED,
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


class Starter:
    """Builds back rooms and closes them after the test."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.running: list[Parts] = []

    def __call__(self, **options: Any) -> Parts:
        parts = Parts.build(self.home, **options)
        self.running.append(parts)
        parts.dispatcher.start()
        return parts


@pytest.fixture
def start(home: Path) -> Iterator[Starter]:
    starter = Starter(home)
    yield starter
    for parts in starter.running:
        parts.close()


SHARED_OWNERS = tuple("abcdefghijkl")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    """One back room for all tests that neither break nor close it; each uses owners of its own."""
    parts = Parts.build(
        tmp_path_factory.mktemp("room"), owners=SHARED_OWNERS, live_pictures=2, seconds_per_step=0.02, previews=2
    )
    parts.dispatcher.start()
    yield parts
    parts.close()


def heard(subscription: Subscription) -> list[JobUpdate]:
    updates = []
    while (update := subscription.get(timeout_s=0)) is not None:
        updates.append(update)
    return updates


def kill_worker(parts: Parts) -> None:
    pid = parts.supervisor.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def steps_of(parts: Parts, job_id: str, owner: str = "local") -> int:
    return sum(picture.step for picture in parts.hub.view(owner, job_id).pictures)


def states(view: JobView) -> list[JobState]:
    return [picture.state for picture in view.pictures]


def test_a_job_becomes_files_with_its_seeds_and_nothing_is_left_running(start: Starter) -> None:
    threads = set(threading.enumerate())
    parts = start(previews=2)
    job = parts.dispatcher.enqueue("local", resolved(seed=7), 3)
    ended = parts.finished(job.id)
    worker = parts.supervisor.pid
    assert (ended.state, ended.done, ended.progress, ended.error) == (DONE, 3, 1.0, None)
    for picture in ended.pictures:
        assert picture.image_id is not None
        assert picture.seed == 7 + picture.index
        assert parts.gallery.get("local", picture.image_id).recipe.seed == picture.seed
        with Image.open(parts.gallery.file("local", picture.image_id)) as image:
            assert image.size == (64, 64)
    assert parts.hub.preview("local", job.id, 0) is None, "previews go when a picture is there"
    parts.close()
    parts.close()
    assert set(threading.enumerate()) <= threads
    assert not [one for one in psutil.Process().children() if one.pid == worker]


def test_whoever_follows_sees_every_state_steps_and_previews(room: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = room
    told: list[JobView] = []  # all of it, where a listener on a busy machine misses steps
    previews: set[bytes] = set()
    publish, keep_preview = parts.hub.publish, parts.hub.keep_preview

    def published(owner: str, view: JobView) -> JobUpdate:
        told.append(view)
        return publish(owner, view)

    def kept(owner: str, job_id: str, index: int, jpeg: bytes) -> None:
        keep_preview(owner, job_id, index, jpeg)
        previews.add(parts.hub.preview(owner, job_id, index) or b"")

    monkeypatch.setattr(parts.hub, "publish", published)
    monkeypatch.setattr(parts.hub, "keep_preview", kept)
    with parts.hub.subscribe("a") as following, parts.hub.subscribe("b") as stranger:
        job = parts.dispatcher.enqueue("a", resolved(steps=12, checkpoint="another"), 5)
        updates: list[JobUpdate] = []
        while not (updates and updates[-1].job.state.finished):
            update = following.get(timeout_s=60)
            assert update is not None
            updates.append(update)
        assert [state for state, _ in groupby(one.job.state for one in updates)] == [QUEUED, RUNNING, DONE]
        assert heard(stranger) == []
    numbers = [one.number for one in updates]
    assert numbers == sorted(set(numbers))
    progress = [one.job.progress for one in updates]
    assert progress == sorted(progress) and progress[-1] == 1.0
    mine = [view for view in told if view.id == job.id]
    assert {view.pictures[0].step for view in mine} == set(range(13))
    assert any(view.loading is not None and 0 < view.loading < 1 for view in mine)
    assert updates[0].job.place == 1
    assert len(previews) > 1 and all(one.startswith(b"\xff\xd8") for one in previews)
    versions = [one.job.pictures[0].preview_version for one in updates]
    assert versions == sorted(versions) and versions[-1] > 1


def test_the_estimate_is_near_the_truth(start: Starter) -> None:
    parts = start(live_pictures=1, seconds_per_step=0.02)
    found: list[tuple[float, float]] = []
    for _ in range(3):  # once is enough: nobody can tell that the machine will stall in the second half
        with parts.hub.subscribe("local") as following:
            parts.dispatcher.enqueue("local", resolved(steps=100), 1)
            told = []
            for update in following:
                told.append((time.monotonic(), update.job))
                if update.job.state.finished:
                    break
        ended_s = told[-1][0]
        midway = next((at_s, job) for at_s, job in told if job.pictures[0].step >= 50)
        assert midway[1].seconds_left is not None and told[-1][1].seconds_left is None
        found.append((midway[1].seconds_left, ended_s - midway[0]))
        if found[-1][0] == pytest.approx(found[-1][1], rel=0.5):
            break
    assert found[-1][0] == pytest.approx(found[-1][1], rel=0.5), found


def test_steps_write_nothing_to_the_database(room: Parts) -> None:
    parts = room
    job = parts.dispatcher.enqueue("c", resolved(steps=400), 2)
    wait_for(lambda: steps_of(parts, job.id, "c") > 10)
    asked: list[str] = []

    def listen(*args: Any) -> None:
        asked.append(args[2])

    event.listen(parts.database._engine, "before_cursor_execute", listen)
    before = steps_of(parts, job.id, "c")
    wait_for(lambda: steps_of(parts, job.id, "c") > before + 30)
    event.remove(parts.database._engine, "before_cursor_execute", listen)
    assert asked == []
    parts.dispatcher.cancel("c", job.id)


def test_a_killed_worker_costs_time_only(start: Starter) -> None:
    parts = start(live_pictures=3, seconds_per_step=0.02)
    job = parts.dispatcher.enqueue("local", resolved(seed=50, steps=10), 6)
    wait_for(lambda: parts.hub.view("local", job.id).done >= 1 and steps_of(parts, job.id) > 15)
    kept = {one.index: one.image_id for one in parts.hub.view("local", job.id).pictures if one.image_id}
    kill_worker(parts)
    ended = parts.finished(job.id)
    assert (ended.state, ended.done) == (DONE, 6)
    assert {index: ended.pictures[index].image_id for index in kept} == kept, "what was finished is not made again"
    images = parts.gallery.list("local").images
    assert sorted(image.recipe.seed for image in images) == list(range(50, 56))


def test_a_job_that_kills_its_worker_twice_is_parked_and_others_go_on(start: Starter) -> None:
    parts = start(owners=("ann", "bob"))
    good = parts.dispatcher.enqueue("bob", resolved(steps=12), 3)
    bad = parts.dispatcher.enqueue("ann", resolved(prompt="!crash"), 20)
    later = parts.dispatcher.enqueue("ann", resolved(), 2)
    with parts.hub.subscribe("ann") as following:
        parked = parts.finished(bad.id, "ann")
        assert [state for state in (one.job.state for one in heard(following)) if state is FAILED]
    assert (parked.state, parked.failed) == (FAILED, 20)
    assert "killed twice" in (parked.error or "")
    assert parts.finished(good.id, "bob").done == 3
    assert parts.finished(later.id, "ann").done == 2
    assert parts.supervisor.status == "ready"


def test_a_job_that_kills_its_worker_while_loading_is_parked_too(start: Starter) -> None:
    parts = start(factory="tests.jobs.engines:troubled")
    bad = parts.dispatcher.enqueue("local", resolved(prompt="!loadcrash"), 20)
    good = parts.dispatcher.enqueue("local", resolved(), 2)
    assert parts.finished(bad.id).failed == 20
    assert parts.finished(good.id).done == 2


@pytest.mark.parametrize("trouble", ["!fail", "!unstable", "!memory"])
def test_a_picture_that_cannot_be_made_says_why_and_the_next_job_works(room: Parts, trouble: str) -> None:
    parts = room
    bad = parts.finished(parts.dispatcher.enqueue("d", resolved(prompt=trouble), 2).id, "d")
    assert (bad.state, bad.failed) == (FAILED, 2)
    assert bad.error is not None and bad.error == bad.pictures[0].error
    assert parts.finished(parts.dispatcher.enqueue("d", resolved(), 2).id, "d").done == 2


def test_a_checkpoint_that_cannot_be_used_fails_its_jobs_only(start: Starter) -> None:
    def locate(recipe: ResolvedRecipe) -> Located:
        if recipe.checkpoint == "cut":
            raise DamagedModel("The file cut.safetensors is cut short. Download it again.")
        if recipe.checkpoint == "odd":
            raise PermissionError("no entry")
        return Located(Path("toy"))

    parts = start(locate=locate)
    cut = parts.dispatcher.enqueue("local", resolved(checkpoint="cut"), 2)
    odd = parts.dispatcher.enqueue("local", resolved(checkpoint="odd"), 2)
    good = parts.dispatcher.enqueue("local", resolved(), 2)
    assert parts.finished(cut.id).error == "The file cut.safetensors is cut short. Download it again."
    assert "PermissionError" in (parts.finished(odd.id).error or "")
    assert parts.finished(good.id).done == 2


def test_a_full_disk_fails_the_picture_in_words_and_the_queue_goes_on(start: Starter) -> None:
    full = threading.Event()
    full.set()

    def save(done: PictureDone, recipe: ResolvedRecipe, owner: str) -> str:
        if full.is_set():
            raise StorageFull("The disk with images is full. Make room there.")
        return f"image-{recipe.seed}"

    parts = start(save=save)
    job = parts.dispatcher.enqueue("local", resolved(seed=5), 2)
    failed = parts.finished(job.id)
    assert (failed.state, failed.failed) == (FAILED, 2)
    assert failed.error == "It was made, but not saved: The disk with images is full. Make room there."
    full.clear()
    parts.dispatcher.retry("local", job.id)
    assert [one.image_id for one in parts.finished(job.id).pictures] == ["image-5", "image-6"]


def test_while_nothing_can_be_written_the_picture_waits_and_people_are_told(
    start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.jobs.clerk.PAUSE_S", 0.05)
    full = threading.Event()
    full.set()

    def save(done: PictureDone, recipe: ResolvedRecipe, owner: str) -> str:
        if full.is_set():
            raise StorageFull("The disk is full.")
        return "saved"

    parts = start(save=save)
    mark_failed = parts.queue.mark_failed

    def unwritable(job_id: str, index: int, reason: str) -> bool:
        if full.is_set():
            raise StorageFull("The disk with the database is full.")
        return mark_failed(job_id, index, reason)

    monkeypatch.setattr(parts.queue, "mark_failed", unwritable)
    job = parts.dispatcher.enqueue("local", resolved(), 1)
    wait_for(lambda: parts.hub.view("local", job.id).notice == "The disk with the database is full.")
    full.clear()
    ended = parts.finished(job.id)
    assert (ended.state, ended.pictures[0].image_id, ended.notice) == (DONE, "saved", None)


def test_a_defect_in_saving_costs_one_picture(start: Starter) -> None:
    def save(done: PictureDone, recipe: ResolvedRecipe, owner: str) -> str:
        return {0: "zero", 2: "two"}[done.index]

    parts = start(save=save)
    ended = parts.finished(parts.dispatcher.enqueue("local", resolved(), 3).id)
    assert states(ended) == [DONE, FAILED, DONE]
    assert "KeyError" in (ended.error or "")


def test_cancel_is_felt_within_a_step(room: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = room
    steps: list[str] = []
    stepped = parts.dispatcher._board.stepped

    def counted(event: PictureStep) -> None:
        steps.append(event.job_id)
        stepped(event)

    monkeypatch.setattr(parts.dispatcher._board, "stepped", counted)
    job = parts.dispatcher.enqueue("e", resolved(steps=400), 6)
    other = parts.dispatcher.enqueue("e", resolved(steps=2), 1)
    wait_for(lambda: steps_of(parts, job.id, "e") > 2)
    assert parts.dispatcher.cancel("e", job.id).state is CANCELLED
    before = steps.count(job.id)
    assert states(parts.hub.view("e", job.id)) == [CANCELLED] * 6
    wait_for(lambda: other.id in steps)
    late = steps[: steps.index(other.id)].count(job.id) - before
    assert late <= 40, "the worker took up the next job within a step or two, heard or not"
    assert parts.finished(other.id, "e").done == 1
    assert parts.gallery.list("e").total == 1


def test_cancel_keeps_the_finished_and_retry_makes_the_rest_with_the_same_seeds(
    room: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = room

    def none_after_the_first() -> None:
        """However late the cancel comes, some are left that it is for."""
        if any(view.started_at for view in parts.hub.views("f")):
            raise StorageFull("The disk has no room for more.")

    monkeypatch.setattr("studio.jobs.dispatcher.PAUSE_S", 0.05)
    with monkeypatch.context() as patched:
        patched.setattr(parts.dispatcher, "_may_begin", none_after_the_first)
        job = parts.dispatcher.enqueue("f", resolved(steps=20, seed=30), 6)
        wait_for(lambda: parts.hub.view("f", job.id).done >= 1)
        parts.dispatcher.cancel("f", job.id)
    cancelled = parts.finished(job.id, "f")
    assert cancelled.state is CANCELLED and 1 <= cancelled.done <= 4
    first = cancelled.pictures[0].image_id
    parts.dispatcher.retry("f", job.id)
    ended = parts.finished(job.id, "f")
    assert (ended.state, ended.done, ended.pictures[0].image_id) == (DONE, 6, first)
    assert sorted(image.recipe.seed for image in parts.gallery.list("f").images) == list(range(30, 36))


def test_a_retry_waits_for_what_is_cancelled_in_the_last_moment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the worker would have the same picture twice, and the end of the first would be taken for the second's."""
    parts = Parts.build(home)  # not started: the test is the worker
    dispatcher, queue = parts.dispatcher, parts.queue
    job = dispatcher.enqueue("local", resolved(), 1)
    (picture,) = queue.next_pictures(1)
    queue.cancel("local", job.id)
    decided = threading.Event()

    class CancelledMeanwhile:
        """Somebody else has the turn first, and cancels the job once more while the worker has its picture."""

        def __init__(self) -> None:
            self.turn, self.came = threading.Lock(), 0

        def __enter__(self) -> None:
            self.turn.acquire()
            self.came += 1
            if self.came == 1:
                dispatcher._flights[picture.key] = _Flight(picture, cancelled=True)

        def __exit__(self, *_: object) -> None:
            self.turn.release()
            decided.set()

    monkeypatch.setattr(dispatcher, "_turn", CancelledMeanwhile())
    retrying = threading.Thread(target=dispatcher.retry, args=("local", job.id))
    retrying.start()
    assert decided.wait(20)
    assert queue.get("local", job.id).pictures[0].state is CANCELLED
    with dispatcher._gone:
        del dispatcher._flights[picture.key]
        dispatcher._gone.notify_all()
    retrying.join(20)
    assert queue.get("local", job.id).pictures[0].state is QUEUED
    parts.close()


def test_what_a_dead_worker_had_is_waited_for_until_it_is_written_down(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = Parts.build(home)
    dispatcher = parts.dispatcher
    job = dispatcher.enqueue("local", resolved(), 1)
    (picture,) = parts.queue.next_pictures(1)
    dispatcher._flights[picture.key] = _Flight(picture, cancelled=True)
    stopping: list[bool] = []
    monkeypatch.setattr(dispatcher._ahead, "forget", lambda: stopping.append(dispatcher._is_stopping(job.id)))
    dispatcher._lost(Lost((picture.key,), (), "it crashed"))
    assert stopping == [True] and dispatcher._is_stopping(job.id)
    parts.close()


def test_two_people_take_turns(start: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[str] = []

    def save(done: PictureDone, recipe: ResolvedRecipe, owner: str) -> str:
        saved.append(owner)
        if len(saved) == 2:  # here, so that not many more are made before he comes
            parts.dispatcher.enqueue("bob", resolved(), 4, "short")
        return f"{done.job_id}-{done.index}"

    parts = start(owners=("ann", "bob"), live_pictures=1, seconds_per_step=0.005, save=save)
    spend = parts.queue.shares.spend
    equally = lambda shares: spend([(job_id, index, 0.005) for job_id, index, _ in shares])  # noqa: E731
    monkeypatch.setattr(parts.queue.shares, "spend", equally)  # a machine that stalls makes one cost as much as many
    parts.dispatcher.enqueue("ann", resolved(), 12, "long")
    parts.finished("long", "ann")
    parts.finished("short", "bob")
    first = saved.index("bob")
    assert first <= 5
    last = len(saved) - saved[::-1].index("bob")
    for end in range(first, last):  # pictures cost the same, and who has had fewer seconds is next
        beside = saved[first : end + 1]
        assert abs(beside.count("ann") - beside.count("bob")) <= 2, saved


def test_the_jobs_of_others_do_not_exist(room: Parts) -> None:
    parts = room
    job = parts.dispatcher.enqueue("g", resolved(steps=200), 2)
    wait_for(lambda: parts.hub.preview("g", job.id, 0))
    for verb in (parts.hub.view, parts.dispatcher.cancel, parts.dispatcher.retry):
        with pytest.raises(NotFound):
            verb("h", job.id)
    assert parts.hub.preview("h", job.id, 0) is None
    assert parts.hub.views("h") == ()
    assert parts.hub.view("g", job.id).state is RUNNING
    parts.dispatcher.cancel("g", job.id)


def test_those_who_wait_hear_when_the_line_moves_up(room: Parts) -> None:
    parts = room
    jobs = [parts.dispatcher.enqueue("i", resolved(), 1).id for _ in range(6)]
    places: list[int] = []
    with parts.hub.subscribe("i", after=0) as following:

        def has_ended() -> bool:
            mine = [one.job.place for one in heard(following) if one.id == jobs[5]]
            places.extend(place for place in mine if place is not None)
            return parts.hub.view("i", jobs[5]).state.finished

        wait_for(has_ended)
    # It began at 4, behind two that are made at once. A busy machine may take the last two together, from place 2.
    assert places and places[-1] <= 2 and places == sorted(places, reverse=True)


def test_a_worker_that_cannot_start_is_no_secret_and_the_queue_waits(start: Starter) -> None:
    parts = start(factory="tests.jobs.engines:refuses_to_start")
    job = parts.dispatcher.enqueue("local", resolved(), 1)
    wait_for(lambda: parts.supervisor.status == "failed")
    wait_for(lambda: "There is no such device" in (parts.hub.view("local", job.id).notice or ""))
    assert parts.hub.view("local", job.id).state is QUEUED


def test_a_clean_stop_parks_the_rest_and_the_next_start_takes_it_up(start: Starter) -> None:
    first = start(live_pictures=2, seconds_per_step=0.01)
    job = first.dispatcher.enqueue("local", resolved(steps=20, seed=9), 6)
    wait_for(lambda: first.hub.view("local", job.id).done >= 2)
    first.close()
    second = start()
    ended = second.finished(job.id)
    assert (ended.state, ended.done) == (DONE, 6)
    images = second.gallery.list("local").images
    assert sorted(image.recipe.seed for image in images) == list(range(9, 15))


def test_a_stop_while_a_hash_is_computed_parks_the_picture(start: Starter) -> None:
    asked, stopped = threading.Event(), threading.Event()

    def locate(recipe: ResolvedRecipe) -> Located:
        asked.set()
        assert stopped.wait(60)
        raise Cancelled("The studio is closing.")

    first = start(locate=locate)
    first.dispatcher.enqueue("local", resolved(seed=9), 1, "parked")
    assert asked.wait(60)
    closing = threading.Thread(target=first.close)
    closing.start()
    stopped.set()
    closing.join(60)
    assert not closing.is_alive()
    ended = start().finished("parked")
    assert (ended.state, ended.done) == (DONE, 1)


def test_an_error_that_sticks_to_the_device_costs_the_job_that_made_it_only(start: Starter) -> None:
    """As after "CUDA error: device-side assert triggered": nothing works in that process any more, so it ends."""
    parts = start(factory="tests.jobs.engines:troubled")
    wait_for(lambda: parts.supervisor.ready)
    first = parts.supervisor.pid
    began_s = time.monotonic()
    sticking = parts.dispatcher.enqueue("local", resolved(prompt="!defect"), 2)
    others = [parts.dispatcher.enqueue("local", resolved(seed=20 * number), 3) for number in range(3)]
    wait_for(lambda: parts.supervisor.ready and parts.supervisor.pid not in (None, first))
    assert time.monotonic() - began_s < 15
    failed = parts.finished(sticking.id, timeout_s=60)
    assert failed.state is FAILED and "a defect of the engine" in (failed.error or "")
    assert [parts.finished(job.id, timeout_s=60).done for job in others] == [3, 3, 3]
    assert len(parts.gallery.list("local").images) == 9


def test_a_cancelled_picture_leaves_nothing_on_the_disk(start: Starter, tmp_path: Path) -> None:
    parts = start(live_pictures=4, seconds_per_step=0.02)
    job = parts.dispatcher.enqueue("local", resolved(steps=1000), 4)
    wait_for(lambda: any(one.step > 3 for one in parts.hub.view("local", job.id).pictures))
    parts.dispatcher.cancel("local", job.id)
    after = parts.dispatcher.enqueue("local", resolved(seed=77), 1)
    parts.finished(after.id)
    assert [image.seed for image in parts.gallery.list("local").images] == [77]
    assert len([path for path in tmp_path.rglob("*") if path.suffix in (".png", ".part")]) == 1


def test_views_travel_as_json(room: Parts) -> None:
    parts = room
    ended = parts.finished(parts.dispatcher.enqueue("j", resolved(seed=3), 1, "mine").id, "j")
    wire = ended.as_dict()
    pictures = wire.pop("pictures")
    assert isinstance(wire.pop("preview_version"), int)
    assert 0 < wire.pop("revision") < parts.hub.view("j", "mine").revision < 2**53
    moments = [wire.pop(name) for name in ("created_at", "started_at", "finished_at")]
    assert all(isinstance(moment, str) and moment.endswith("+00:00") for moment in moments)
    assert wire.pop("recipe") == resolved(seed=3).model_dump(mode="json")
    assert wire == {
        "id": "mine",
        "state": "done",
        "paused": False,
        "count": 1,
        "done": 1,
        "failed": 0,
        "cancelled": 0,
        "progress": 1.0,
        "place": None,
        "loading": None,
        "seconds_left": None,
        "error": None,
        "notice": None,
    }
    assert isinstance(pictures, list)
    seconds = pictures[0].pop("seconds")
    assert 0 < seconds < 20
    assert isinstance(pictures[0].pop("preview_version"), int)
    assert pictures == [
        {
            "index": 0,
            "state": "done",
            "seed": 3,
            "variation_seed": 0,
            "step": 6,
            "steps": 6,
            "image_id": ended.pictures[0].image_id,
            "error": None,
            "prompt": None,
        }
    ]
