"""A back room under load until it is killed: ``python -m tests.jobs.living HOME RUN SEED``.

Three people order, cancel, look, put into the bin and empty it, at random. Each line it prints is a promise made to
one of them: it is printed after the call has returned, and must hold whatever happens next. ``RUN`` "last" orders
nothing new, retries what was parked, and ends when everything is done.
"""

from __future__ import annotations

import contextlib
import random
import sys
import time
from pathlib import Path

from studio.errors import StudioError
from studio.recipe.events import JobState
from tests.jobs.parts import Parts, resolved

PEOPLE = ("local", "anna", "ben")
STEPS = 5


def say(*words: object) -> None:
    print(*words, flush=True)


class Life:
    """What people do in one run."""

    def __init__(self, parts: Parts, run: str, draw: random.Random) -> None:
        self.parts, self.run, self.draw = parts, run, draw
        self.told: set[tuple[str, int]] = set()
        self.jobs: list[tuple[str, str]] = []

    def order(self) -> None:
        owner, count = self.draw.choice(PEOPLE), self.draw.randint(1, 5)
        job_id, seed = f"run{self.run}-{len(self.jobs)}", self.draw.randrange(1_000_000)
        self.parts.dispatcher.enqueue(owner, resolved(seed=seed, steps=STEPS), count, job_id)
        say("ordered", job_id, owner, count, seed)
        self.jobs.append((owner, job_id))

    def cancel(self) -> None:
        owner, job_id = self.draw.choice(self.jobs)
        say("cancelling", job_id)
        self.parts.dispatcher.cancel(owner, job_id)
        say("cancelled", job_id)

    def bin(self) -> None:
        owner = self.draw.choice(PEOPLE)
        images = self.parts.gallery.list(owner, limit=20).images
        some = [image.id for image in images if self.draw.random() < 0.2]
        if some:
            self.parts.gallery.bin(owner, some)
            say("binned", *some)

    def empty(self) -> None:
        owner = self.draw.choice(PEOPLE)
        ids = self.parts.gallery.ids(owner, binned=True)
        say("emptying", *ids)
        self.parts.gallery.empty_bin(owner)
        say("emptied", *ids)

    def look(self) -> bool:
        """Tell what is newly done; answers whether anything is still to come."""
        waits = False
        for owner in PEOPLE:
            for view in self.parts.hub.views(owner, limit=40):
                waits = waits or not view.state.finished
                for one in view.pictures:
                    if one.state is JobState.DONE and (view.id, one.index) not in self.told:
                        self.told.add((view.id, one.index))
                        say("done", view.id, one.index, one.image_id)
        return waits

    def act(self) -> None:
        roll = self.draw.random()
        with contextlib.suppress(StudioError):
            if roll < 0.10 or not self.jobs:
                self.order()
            elif roll < 0.13:
                self.cancel()
            elif roll < 0.18:
                self.bin()
            elif roll < 0.19:
                self.empty()


def main(home: str, run: str, seed: str) -> None:
    draw = random.Random(f"{seed}/{run}")
    new = not (Path(home) / "studio.db").exists()
    parts = Parts.build(Path(home), owners=PEOPLE[1:] if new else (), live_pictures=3, seconds_per_step=0.004)
    parts.gallery.recover()
    parts.dispatcher.start()
    life = Life(parts, run, draw)
    say("ready")
    if run != "last":
        while True:
            life.act()
            life.look()
            time.sleep(0.005)
    for owner in PEOPLE:
        for view in parts.hub.views(owner, limit=10_000):
            if view.state is JobState.FAILED:
                parts.dispatcher.retry(owner, view.id)
    while life.look():
        time.sleep(0.02)
    parts.close()
    say("all done")


if __name__ == "__main__":
    main(*sys.argv[1:])
