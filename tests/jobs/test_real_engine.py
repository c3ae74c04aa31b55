"""Queue and step engine together, on toy checkpoints: equal seconds, nobody waits for a grid, few loads."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from studio.jobs import Located
from studio.recipe import ResolvedRecipe
from studio.recipe.events import Event, ModelLoading, PictureDone, PictureStarted, PictureStep, TimeSpent
from tests.jobs.parts import TORCH, Parts, resolved, wait_for

A, B = "a" * 64, "b" * 64
FAIR = 1.10


class Watched:
    """A back room with the real engine, and everything its worker said, in batches: one for each piece of work."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.batches: list[list[Event]] = []
        hear: Callable[[list[Event]], None] = parts.dispatcher._hear

        def listen(events: list[Event]) -> None:
            self.batches.append(events)
            hear(events)

        parts.dispatcher._hear = listen  # type: ignore[method-assign]
        parts.dispatcher.start()
        wait_for(lambda: parts.supervisor.ready, 120)

    def said(self) -> Iterable[Event]:
        return (event for batch in list(self.batches) for event in batch)

    def made(self) -> Counter[str]:
        """Pictures by owner."""
        return Counter(event.job_id[:3] for event in self.said() if isinstance(event, PictureDone))

    def seconds(self) -> dict[str, float]:
        """Seconds of the device by owner, with whose name a job's id begins, as the engine told them."""
        spent: dict[str, float] = defaultdict(float)
        for event in self.said():
            for job_id, _, seconds in event.shares if isinstance(event, TimeSpent) else ():
                spent[job_id[:3]] += seconds
        return dict(spent)


@pytest.fixture
def open_room(tmp_path: Path, toy_models: Path) -> Iterator[Callable[[int], Watched]]:
    rooms: list[Parts] = []

    def locate(recipe: ResolvedRecipe) -> Located:
        return Located(toy_models / ("toy-a" if recipe.checkpoint_sha256 == A else "toy-b"))

    def opened(live_pictures: int) -> Watched:
        owners = ("ann", "bob", "cid")
        rooms.append(Parts.build(tmp_path, owners=owners, live_pictures=live_pictures, factory=TORCH, locate=locate))
        return Watched(rooms[-1])

    yield opened
    for parts in rooms:
        parts.close()


def test_three_who_queue_without_end_get_equal_seconds_of_the_device(open_room: Callable[[int], Watched]) -> None:
    room = open_room(3)
    recipes = {
        "ann": resolved(steps=4, width_px=96, height_px=96),
        "bob": resolved(steps=1),
        "cid": resolved(steps=5, guidance_scale=1.0),
    }
    for number in range(8):
        for owner, recipe in recipes.items():
            room.parts.dispatcher.enqueue(owner, recipe, 30, f"{owner}-{number}")
    wait_for(lambda: room.made()["ann"] >= 30, 200)  # each is then a thirtieth of what she has had
    seconds, made = room.seconds(), room.made()
    print({owner: f"{spent:.2f} s for {made[owner]}" for owner, spent in seconds.items()})
    assert made["bob"] > 2 * made["ann"]
    assert max(seconds.values()) <= FAIR * min(seconds.values()), seconds


def test_a_single_picture_begins_within_one_round_of_steps_beside_a_hundred(
    open_room: Callable[[int], Watched],
) -> None:
    room = open_room(8)
    room.parts.dispatcher.enqueue("ann", resolved(steps=40, width_px=256, height_px=256), 100, "grid")
    steps = lambda event: isinstance(event, PictureStep) and event.job_id == "grid"  # noqa: E731
    wait_for(lambda: sum(map(steps, room.said())) >= 8 * 3, 120)
    waits = []
    # What the studio makes wait, it does each time; what else the machine is busy with, it does not.
    while len(waits) < 6 and sum(waited <= 1 for waited in waits) < 3:
        job_id = f"one{len(waits)}"
        before = len(room.batches)
        room.parts.dispatcher.enqueue("bob", resolved(steps=2, width_px=256, height_px=256), 1, job_id)
        wait_for(lambda job_id=job_id: room.parts.hub.view("bob", job_id).done, 120)
        batches = room.batches[before:]
        started = _first(batches, PictureStarted, job_id)
        stepped = _first(batches, PictureStep, job_id)
        waits.append(sum(any(map(steps, batch)) for batch in batches[:started]))
        rounds = sum(any(isinstance(event, PictureStep) for event in batch) for batch in batches[started : stepped + 1])
        live = {event.index for batch in room.batches[:before] for event in batch if steps(event)}
        print(f"began after {waits[-1]} rounds, in round {rounds} after that; {len(live)} pictures were on their way")
        assert rounds == 1
    assert sum(waited <= 1 for waited in waits) == 3, waits
    assert room.parts.hub.view("ann", "grid").done < 100


def test_twenty_jobs_of_two_people_with_two_checkpoints(open_room: Callable[[int], Watched]) -> None:
    room = open_room(8)
    recipe = {sha256: resolved(checkpoint_sha256=sha256, exact=True, steps=2) for sha256 in (A, B)}
    for number in range(20):
        owner, sha256 = ("ann", "bob")[number % 2], (A, B)[number // 2 % 2]
        room.parts.dispatcher.enqueue(owner, recipe[sha256], 1, f"{owner}-{number}-{sha256[0]}")
    pixels: dict[str, set[bytes]] = {"a": set(), "b": set()}
    for number in range(20):
        owner, letter = ("ann", "bob")[number % 2], "ab"[number // 2 % 2]
        view = room.parts.finished(f"{owner}-{number}-{letter}", owner, 60)
        image = room.parts.gallery.get(owner, str(view.pictures[0].image_id))
        assert image.recipe is not None and image.recipe.checkpoint_sha256 == letter * 64
        pixels[letter].add(_pixels(room.parts.gallery.file(owner, image.id)))
    assert [len(found) for found in pixels.values()] == [1, 1], "each is the one that its checkpoint makes"
    assert pixels["a"] != pixels["b"]
    assert _loads(room) == 2


def test_one_persons_alternating_queue_needs_two_loads(open_room: Callable[[int], Watched]) -> None:
    room = open_room(1)
    for number in range(10):
        recipe = resolved(checkpoint_sha256=(A, B)[number % 2], steps=2)
        room.parts.dispatcher.enqueue("ann", recipe, 1, f"job{number}")
    for number in range(10):
        room.parts.finished(f"job{number}", "ann", 60)
    begun = [int(event.job_id[3:]) for event in room.said() if isinstance(event, PictureStarted)]
    assert begun == [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]
    assert _loads(room) == 2


def _first(batches: list[list[Event]], kind: type[PictureStarted] | type[PictureStep], job_id: str) -> int:
    """The place of the first batch that says this of the job."""
    said = [any(isinstance(event, kind) and event.job_id == job_id for event in batch) for batch in batches]
    return said.index(True)


def _loads(room: Watched) -> int:
    return sum(isinstance(event, ModelLoading) and event.fraction == 1.0 for event in room.said())


def _pixels(file: Path) -> bytes:
    from PIL import Image

    with Image.open(file) as picture:
        return picture.tobytes()
