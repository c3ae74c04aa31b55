"""Updates reach exactly those they are for, in order, without ever filling up, and again after a dropped connection."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import datetime, timezone

from studio.jobs import Hub, JobView, Subscription
from studio.jobs.hub import KEPT_FINISHED
from studio.recipe.events import JobState
from tests.jobs.parts import resolved

NOW = datetime.now(timezone.utc)


def view(
    job_id: str = "j", state: JobState = JobState.RUNNING, owner: str = "ann", place: int | None = None
) -> JobView:
    return JobView(job_id, owner, state, 1, resolved(), (), NOW, place=place)


def unread(subscription: Subscription) -> list[tuple[str, JobState]]:
    read = []
    while (update := subscription.get(timeout_s=0)) is not None:
        read.append((update.id, update.job.state))
    return read


def test_updates_reach_their_owner_only() -> None:
    hub = Hub()
    with hub.subscribe("ann") as ann, hub.subscribe("bob") as bob:
        hub.publish("ann", view())
        assert [update.job.owner for update in [ann.get(1)] if update] == ["ann"]
        assert bob.get(timeout_s=0) is None


def test_numbers_grow_and_go_on_growing_after_a_restart() -> None:
    hub = Hub()
    numbers = [hub.publish("ann", view()).number for _ in range(50)]
    assert numbers == sorted(set(numbers))
    time.sleep(0.06)  # fewer than a thousand updates a second, as the numbering takes for granted
    assert Hub().publish("ann", view()).number > numbers[-1]


def test_a_slow_listener_misses_steps_but_no_state() -> None:
    hub = Hub()
    with hub.subscribe("ann") as slow:
        hub.publish("ann", view(state=JobState.QUEUED))
        for place in range(5000):
            hub.publish("ann", view(place=place))
        hub.publish("ann", view(state=JobState.DONE))
        first, second, third = slow.get(0), slow.get(0), slow.get(0)
        assert first and second and third
        states = [first.job.state, second.job.state, third.job.state]
        assert states == [JobState.QUEUED, JobState.RUNNING, JobState.DONE]
        assert second.job.place == 4999
        assert first.number < second.number < third.number
        assert slow.get(0) is None


def test_who_comes_back_gets_the_latest_of_what_was_missed() -> None:
    hub = Hub()
    with hub.subscribe("ann") as before:
        hub.publish("ann", view("old", JobState.DONE))
        hub.publish("bob", view("other", owner="bob"))
        seen = before.get(1)
    assert seen is not None
    hub.publish("ann", view("new"))
    hub.publish("ann", view("new", JobState.DONE))
    with hub.subscribe("ann", after=seen.number) as again:
        assert unread(again) == [("new", JobState.DONE)]
        hub.publish("ann", view("newer"))
        assert unread(again) == [("newer", JobState.RUNNING)]
    with hub.subscribe("ann", after=0) as stranger:
        assert {job_id for job_id, _ in unread(stranger)} == {"old", "new", "newer"}


def test_finished_jobs_are_forgotten_in_the_end_but_running_ones_are_not() -> None:
    hub = Hub()
    hub.publish("ann", view("running"))
    for number in range(KEPT_FINISHED + 100):
        hub.publish("ann", view(f"{number}", JobState.DONE))
    with hub.subscribe("ann", after=0) as subscription:
        ids = [job_id for job_id, _ in unread(subscription)]
    assert len(ids) == KEPT_FINISHED + 1
    assert ids[0] == "running" and ids[-1] == f"{KEPT_FINISHED + 99}"


def test_get_waits_for_an_update_and_gives_up_in_time() -> None:
    hub = Hub()
    with hub.subscribe("ann") as subscription:
        begun_s = time.monotonic()
        assert subscription.get(timeout_s=0.05) is None
        assert time.monotonic() - begun_s >= 0.05
        threading.Timer(0.05, hub.publish, ("ann", view())).start()
        assert subscription.get(timeout_s=5) is not None


def test_iteration_ends_with_the_hub() -> None:
    hub = Hub()
    subscription = hub.subscribe("ann")
    hub.publish("ann", view())
    threading.Timer(0.05, hub.close).start()
    assert [update.id for update in subscription] == ["j"]
    assert hub.subscribe("ann").get(timeout_s=5) is None


def test_closed_subscriptions_hear_and_cost_nothing() -> None:
    hub = Hub()
    with hub.subscribe("ann") as subscription:
        assert hub.is_followed("ann")
    assert not hub.is_followed("ann")
    hub.publish("ann", view())
    assert subscription.get(timeout_s=0) is None
    subscription.close()


def test_event_loops_hear_what_threads_publish() -> None:
    hub = Hub()

    def publish() -> None:
        for state in (JobState.QUEUED, JobState.RUNNING, JobState.DONE):
            time.sleep(0.01)
            hub.publish("ann", view(state=state))
        hub.close()

    async def listen(subscription: Subscription) -> list[JobState]:
        return [update.job.state async for update in subscription]

    async def main() -> list[list[JobState]]:
        listeners = [hub.subscribe("ann") for _ in range(3)]
        threading.Thread(target=publish).start()
        return await asyncio.gather(*(listen(one) for one in listeners))

    assert asyncio.run(main()) == [[JobState.QUEUED, JobState.RUNNING, JobState.DONE]] * 3


def test_an_event_loop_can_wait_with_a_limit_and_be_cancelled() -> None:
    hub = Hub()

    async def main() -> None:
        with hub.subscribe("ann") as subscription:
            assert await subscription.get_async(timeout_s=0.02) is None
            waiting = asyncio.create_task(subscription.get_async())
            await asyncio.sleep(0.02)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            assert waiting.cancelled()
            hub.publish("ann", view())
            update = await subscription.get_async(timeout_s=1)
            assert update is not None and update.id == "j"

    asyncio.run(main())


def test_previews_are_kept_for_their_owner_and_only_the_latest() -> None:
    hub = Hub()
    hub.keep_preview("ann", "j", 0, b"one")
    hub.keep_preview("ann", "j", 0, b"two")
    assert hub.preview("ann", "j", 0) == b"two"
    assert hub.preview("bob", "j", 0) is None
    assert hub.preview("ann", "j", 1) is None
    hub.drop_preview("j", 0)
    assert hub.preview("ann", "j", 0) is None
