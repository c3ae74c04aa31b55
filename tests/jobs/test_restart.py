"""``kill -9`` of everything at picture 3 of 8: nothing is lost, nothing is made twice, the seeds are those promised."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from studio.jobs import Queue
from studio.paths import Paths
from studio.recipe.events import JobState
from studio.store import Database
from tests.jobs.parts import Parts, is_gone, wait_for

DRIVER = """
import os, signal, sys, threading
from pathlib import Path
from tests.jobs.parts import Parts, resolved
if __name__ == "__main__":
    parts = Parts.build(Path(sys.argv[1]), live_pictures=2, seconds_per_step=0.02)
    add, added = parts.gallery.add, []

    def added_and_killed(*arguments):
        image = add(*arguments)
        added.append(image)
        if len(added) == 3:  # it is saved, and nobody has written down that it is done
            print(parts.supervisor.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        return image

    parts.gallery.add = added_and_killed
    parts.dispatcher.start()
    parts.dispatcher.enqueue("local", resolved(seed=1000, steps=10), 8, "eight")
    threading.Event().wait()
"""


def test_a_job_survives_the_end_of_everything(tmp_path: Path) -> None:
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    home = tmp_path / "home"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, str(script), str(home)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as driver:
        assert driver.stdout is not None
        worker = int(driver.stdout.readline())
        assert driver.wait() == -9
    wait_for(lambda: is_gone(worker))

    database = Database.at(home / "studio.db")
    assert database.check() is None
    left = Queue(database).get("local", "eight")
    kept = {one.index: one.image_id for one in left.pictures if one.state is JobState.DONE}
    assert len(kept) == 2
    database.close()

    parts = Parts.build(home)
    parts.gallery.recover()
    parts.dispatcher.start()
    ended = parts.finished("eight")
    images = parts.gallery.list("local").images
    files = sorted(path.name for path in Paths.at(home).images.rglob("*.png"))
    parts.close()
    assert (ended.state, ended.done) == (JobState.DONE, 8)
    assert {index: ended.pictures[index].image_id for index in kept} == kept
    assert sorted(image.recipe.seed for image in images) == list(range(1000, 1008))
    assert [one.image_id for one in ended.pictures] == [
        image.id for image in sorted(images, key=lambda image: image.recipe.seed)
    ]
    assert len(files) == 8, files
