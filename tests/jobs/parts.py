"""A studio's back room for tests: real database, gallery and worker process; only the engine draws gradients."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psutil

from studio.gallery import Gallery
from studio.jobs import Dispatcher, Hub, JobView, Located, Queue, Supervisor
from studio.jobs.clerk import Save
from studio.jobs.overview import LoadTimes
from studio.paths import Paths
from studio.recipe import Emphasis, Mode, NoiseDevice, ResolvedRecipe
from studio.recipe.events import PictureDone
from studio.store import Database
from studio.store.tables import OwnerRow

WAIT_S = 60.0
"""Generous, for machines that do much else besides: what has to be quick is measured in steps, where it is."""

FAKE = "studio.engine.fake:create_fake_engine"
TORCH = "studio.engine.build:create_engine"

_BASE: dict[str, Any] = {
    "mode": Mode.TEXT,
    "prompt": "a red cat",
    "negative_prompt": "",
    "checkpoint": "toy",
    "checkpoint_sha256": "a" * 64,
    "family": "sd1",
    "sampler": "Euler",
    "schedule": "uniform",
    "steps": 6,
    "guidance_scale": 5.0,
    "seed": 100,
    "variation_seed": 0,
    "variation_strength": 0.0,
    "seed_resize_width_px": 0,
    "seed_resize_height_px": 0,
    "width_px": 64,
    "height_px": 64,
    "clip_skip": 1,
    "eta": 0.0,
    "eta_noise_seed_delta": 0,
    "emphasis": Emphasis.ORIGINAL,
    "noise": NoiseDevice.CPU,
    "exact": False,
}


def resolved(**fields: Any) -> ResolvedRecipe:
    """A recipe of 6 steps at 64x64 with seed 100, with ``fields`` laid over it."""
    return ResolvedRecipe(**{**_BASE, **fields})


def open_database(home: Path, owners: tuple[str, ...] = ()) -> Database:
    """The database of a home folder, with more owners than the local one."""
    database = Database.at(home / "studio.db")
    database.prepare()
    with database.session() as session:
        for name in owners:
            session.add(OwnerRow(id=name, name=name, created_at=datetime.now(timezone.utc)))
    return database


@dataclass
class Parts:
    """Everything wired as a studio would; ``start`` and ``close`` it."""

    database: Database
    gallery: Gallery
    queue: Queue
    hub: Hub
    supervisor: Supervisor
    dispatcher: Dispatcher

    @classmethod
    def build(
        cls,
        home: Path,
        *,
        owners: tuple[str, ...] = (),
        live_pictures: int = 4,
        seconds_per_step: float = 0.01,
        factory: str = FAKE,
        save: Save | None = None,
        locate: Callable[[ResolvedRecipe], Located] | None = None,
        previews: int = 0,
        idle_unload_s: float = 0,
        load_times: LoadTimes = lambda names: {},
    ) -> Parts:
        database = open_database(home, owners)
        gallery = Gallery(database, Paths.at(home))

        def keep(done: PictureDone, recipe: ResolvedRecipe, owner: str) -> str:
            return gallery.add(done.pixels, recipe, done.notes, owner, done.job_id, done.index).id

        queue, hub = Queue(database), Hub()
        options = {"live_pictures": live_pictures, "seconds_per_step": seconds_per_step}
        supervisor = Supervisor(factory, _options(factory, options))
        dispatcher = Dispatcher(
            queue,
            supervisor,
            locate or (lambda recipe: Located(Path("/models") / recipe.checkpoint)),
            save or keep,
            hub,
            live_pictures=live_pictures,
            preview_every_steps=previews,
            idle_unload_s=idle_unload_s,
            load_times=load_times,
        )
        return cls(database, gallery, queue, hub, supervisor, dispatcher)

    def close(self) -> None:
        self.dispatcher.close()
        self.database.close()

    def finished(self, job_id: str, owner: str = "local", timeout_s: float = WAIT_S) -> JobView:
        """The job, once it has ended."""
        wait_for(lambda: self.hub.view(owner, job_id).state.finished, timeout_s)
        return self.hub.view(owner, job_id)


def _options(factory: str, options: dict[str, Any]) -> dict[str, Any]:
    if factory == TORCH:
        return {"device": "cpu", "live_pictures": options["live_pictures"]}
    return options if factory == FAKE else {}


def is_gone(pid: int) -> bool:
    """Whether a process has ended, also while nobody has asked how."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_for(condition: Callable[[], object], timeout_s: float = WAIT_S) -> None:
    """Return once ``condition`` holds; fail when it does not in time."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise AssertionError(f"it did not happen within {timeout_s:g} s")
        time.sleep(0.005)
