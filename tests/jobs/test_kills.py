"""``kill -9`` at random moments under load: what was promised holds, nothing is doubled, the database stays sound.

Ten runs in every suite, a hundred with ``-m slow``; the seed is printed and may be given as ``STUDIO_KILL_SEED``.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from studio.gallery import Gallery, png
from studio.jobs import Queue
from studio.paths import Paths
from studio.recipe.events import JobState
from studio.store import Database
from studio.store.tables import ImageRow, JobRow, PictureRow
from tests.jobs.parts import is_gone, wait_for

KILLED = ("server", "worker", "both")


@dataclass
class Promises:
    """What people were told, over all runs."""

    ordered: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    done: dict[tuple[str, int], str] = field(default_factory=dict)
    cancelling: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    binned: set[str] = field(default_factory=set)
    emptying: set[str] = field(default_factory=set)
    emptied: set[str] = field(default_factory=set)

    def hear(self, lines: list[str]) -> None:
        for line in lines:
            kind, *words = line.split()
            if kind == "ordered":
                self.ordered[words[0]] = words[1], int(words[2]), int(words[3])
            elif kind == "done":
                key = words[0], int(words[1])
                assert self.done.setdefault(key, words[2]) == words[2], f"picture {key} changed its image"
            elif kind in ("cancelling", "cancelled", "binned", "emptying", "emptied"):
                getattr(self, kind).update(words)


@contextlib.contextmanager
def living(home: Path, run: str, seed: int) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.jobs.living", str(home), run, str(seed)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def kill_at_random(process: subprocess.Popen[str], draw: random.Random) -> list[str]:
    """Kill server, worker or both at a random moment; answers the whole lines that were printed before."""
    assert process.stdout is not None
    first = process.stdout.readline()
    assert first == "ready\n", first
    what = draw.choice(KILLED)
    time.sleep(draw.uniform(0.0, 1.2) if draw.random() < 0.8 else draw.uniform(0.0, 0.05))
    workers = psutil.Process(process.pid).children(recursive=True)
    if what != "server":
        for worker in workers:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()
    if what == "worker":
        time.sleep(draw.uniform(0.0, 0.8))
        workers += psutil.Process(process.pid).children(recursive=True)
    process.kill()
    printed = process.stdout.read()
    wait_for(lambda: all(is_gone(worker.pid) for worker in workers))
    return [line.rstrip("\n") for line in printed.splitlines(keepends=True) if line.endswith("\n")]


def check(home: Path, promises: Promises) -> None:
    """As the next start sees it: sound, and all promises kept."""
    paths = Paths.at(home)
    database = Database.open(paths.database)
    assert database.preparation.set_aside is None, database.preparation
    gallery = Gallery(database, paths)
    report = gallery.recover()
    assert not report.damaged and not report.copies and not report.problem, str(report)
    with database.reading() as session:
        assert session.execute(text("PRAGMA integrity_check")).scalars().all() == ["ok"]
        assert session.execute(text("PRAGMA foreign_key_check")).all() == []
        images = {row.id: row for row in session.query(ImageRow)}
        jobs = {row.id: row for row in session.query(JobRow)}
        pictures = {(row.job_id, row.idx): row for row in session.query(PictureRow)}
    for job_id, (owner, count, seed) in promises.ordered.items():
        row = jobs[job_id]
        assert (row.owner_id, row.count, row.recipe["seed"]) == (owner, count, seed)
    for key, image_id in promises.done.items():
        assert (pictures[key].state, pictures[key].image_id) == (JobState.DONE.value, image_id)
        assert image_id in images or image_id in promises.emptying, f"picture {key} was reported and is lost"
    assert all(images[image_id].binned_at for image_id in promises.binned if image_id in images)
    assert not promises.emptied & set(images)
    for job_id in promises.cancelled:
        states = {row.state for (job, _), row in pictures.items() if job == job_id}
        assert states <= {"done", "cancelled", "failed"}, f"{job_id} was cancelled and is {states}"
    check_images(paths, images, jobs)
    database.close()


def check_images(paths: Paths, images: dict[str, ImageRow], jobs: dict[str, JobRow]) -> None:
    """Each picture once, whole, with the owner and seed it was promised; no file beside them."""
    places = [(row.job_id, row.idx) for row in images.values()]
    assert len(places) == len(set(places)), "a picture was made twice"
    files = {path.relative_to(paths.images).as_posix() for path in paths.images.rglob("*.png")}
    assert {row.file for row in images.values()} - files == set(), "a row without its file"
    assert files - {row.file for row in images.values()} == set(), "a file without its row"
    for row in images.values():
        assert row.job_id is not None and row.idx is not None
        job = jobs[row.job_id]
        assert row.recipe is not None
        assert (row.owner_id, row.seed, row.recipe["seed"]) == (job.owner_id, *[job.recipe["seed"] + row.idx] * 2)


def check_end(home: Path, promises: Promises) -> int:
    """Everything that was ordered and not cancelled is made; answers how many pictures there are."""
    paths = Paths.at(home)
    database = Database.open(paths.database)
    for job_id, (owner, count, _) in promises.ordered.items():
        job = Queue(database).get(owner, job_id)
        if job_id not in promises.cancelling:
            assert [one.state for one in job.pictures] == [JobState.DONE] * count, job_id
    with database.reading() as session:
        rows = session.query(ImageRow).all()
    for row in rows:
        assert png.read(paths.images / row.file).sha256 == row.sha256
    database.close()
    return len(rows)


def kill_again_and_again(home: Path, runs: int) -> None:
    seed = int(os.environ.get("STUDIO_KILL_SEED", random.randrange(1_000_000)))
    print(f"STUDIO_KILL_SEED={seed}")  # shown when it fails
    draw, promises = random.Random(seed), Promises()
    for run in range(runs):
        with living(home, str(run), seed) as process:
            lines = kill_at_random(process, draw)
        promises.hear(lines)
        check(home, promises)
    with living(home, "last", seed) as process:
        output, _ = process.communicate(timeout=240)
    lines = output.splitlines()
    assert (process.returncode, lines[-1]) == (0, "all done")
    promises.hear(lines)
    check(home, promises)
    made = check_end(home, promises)
    print(f"{runs} kills: {len(promises.ordered)} jobs, {len(promises.done)} pictures told, {made} kept")
    assert promises.done, "nothing was ever finished before a kill"


def test_ten_kills_at_random_moments(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "home", 10)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_kills_at_random_moments(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "home", 100)
