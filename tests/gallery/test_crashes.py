"""``kill -9`` at any moment: what was reported is there, nothing is doubled, and adding goes on where it stopped."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from studio.gallery import Gallery, anchor, png
from studio.paths import Paths
from studio.store import Database
from studio.store.tables import ImageRow
from tests.gallery.adding import STEPS
from tests.gallery.pictures import NOTES, fill_rows, pixels, recipe

COUNT = 400


def adding(home: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.gallery.adding", str(home), *map(str, arguments)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )


def check(home: Path, reported: list[int], expected_most: int) -> None:
    """After a crash: all reported pictures are there once, whole, and the next add finds them."""
    paths = Paths.at(home)
    database = Database.open(paths.database)
    gallery = Gallery(database, paths)
    report = gallery.recover()
    assert database.preparation.set_aside is None
    assert report.damaged == []
    images = gallery.list("local", limit=1000).images
    indices = [image.index for image in images]
    assert len(indices) == len(set(indices))
    assert set(reported) <= set(indices)
    assert len(indices) <= expected_most
    for image in images:
        content = png.read(gallery.file("local", image.id))
        assert content.sha256 == image.sha256
        assert gallery.thumbnail("local", image.id).is_file()
    on_disk = [path for path in paths.images.rglob("*") if path.is_file() and path.name != anchor.FILE]
    assert len(on_disk) == len(images)  # nothing half-written, nothing without a row
    again = {gallery.add(pixels(0), recipe().for_picture(index), NOTES, "local", "job", index).id for index in reported}
    assert again <= {image.id for image in images}
    assert gallery.list("local").total == len(images)
    database.close()


@pytest.mark.parametrize("step", list(STEPS))
def test_a_kill_at_each_step_of_adding(tmp_path: Path, empty_database: Path, step: str) -> None:
    shutil.copy(empty_database, tmp_path / "studio.db")
    process = adding(tmp_path, 5, step, 2)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == -9
    assert output.split() == ["ready", "0", "1"]
    check(tmp_path, [0, 1], expected_most=3)


def test_kills_at_random_moments(tmp_path: Path, empty_database: Path) -> None:
    shutil.copy(empty_database, tmp_path / "studio.db")
    draw, reported = random.Random(3), []
    for _ in range(3):
        with adding(tmp_path, COUNT) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(draw.uniform(0.01, 0.5))
            process.kill()
            reported += [int(line) for line in process.stdout.read().split()]
    assert len(set(reported)) < COUNT, "it was never killed in the middle"
    check(tmp_path, sorted(set(reported)), expected_most=COUNT)


BINNING = """
import os, signal, sys
from pathlib import Path
from studio.gallery import Gallery, gallery
from studio.paths import Paths
from studio.store import Database

paths = Paths.at(Path(sys.argv[1]))
keeping = Gallery(Database.at(paths.database), paths)
ids = [image.id for image in keeping.list("local", limit=2000).images]
statements, update = 0, gallery.update

def counting(table):
    global statements
    statements += 1
    if statements == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return update(table)

gallery.update, gallery.IDS_AT_ONCE = counting, 100
keeping.bin("local", ids)
"""


def test_a_kill_while_binning_leaves_each_here_or_in_the_bin(gallery: Gallery, paths: Paths) -> None:
    ids = fill_rows(gallery.database, 400)  # four statements of 100 ids
    killed = subprocess.run(
        [sys.executable, "-c", BINNING, str(paths.home)], cwd=Path(__file__).parents[2], check=False
    )
    assert killed.returncode == -9
    here, binned = gallery.list("local", limit=2000), gallery.list("local", binned=True, limit=2000)
    assert sorted(image.id for image in (*here.images, *binned.images)) == sorted(ids)
    assert here.total in (0, 400)  # one transaction: all or none
    assert gallery.bin("local", ids) == here.total


def test_a_crash_while_emptying_the_bin_brings_nothing_back(
    gallery: Gallery, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [gallery.add(pixels(i, 8, 8), recipe().for_picture(i), {}, "local", "job", i).id for i in range(6)]
    gallery.bin("local", ids[:4])
    unlink, deleted = Path.unlink, []

    def dying(self: Path, missing_ok: bool = False) -> None:
        if len(deleted) == 2:
            raise KeyboardInterrupt
        deleted.append(self)
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", dying)
    with pytest.raises(KeyboardInterrupt):
        gallery.empty_bin("local")
    monkeypatch.undo()
    restarted = Gallery(gallery.database, paths)
    restarted.recover()
    assert {image.id for image in restarted.list("local").images} == set(ids[4:])
    assert restarted.list("local", binned=True).total < 4
    restarted.empty_bin("local")
    assert sorted(path.stem[-32:] for path in paths.images.rglob("*.png")) == sorted(ids[4:])
    assert restarted.database.check() is None
    with restarted.database.reading() as session:
        assert session.query(ImageRow).count() == 2
