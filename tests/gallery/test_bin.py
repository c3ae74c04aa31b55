"""Many pictures go into the bin and come back, all or none, whenever the process is killed."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from studio.errors import NotFound
from studio.gallery import Gallery
from studio.gallery import gallery as module
from studio.paths import Paths
from studio.store import Database
from tests.gallery.pictures import fill_rows, pixels, recipe

COUNT = 1100
"""More than two statements' worth of ids."""


def binning(home: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.gallery.binning", str(home), *map(str, arguments)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )


def counts(home: Path) -> tuple[int, int]:
    """How many are here, and how many in the bin, after a start as a studio does it."""
    database = Database.open(Paths.at(home).database)
    gallery = Gallery(database, Paths.at(home))
    gallery.recover()
    found = gallery.list("local").total, gallery.list("local", binned=True).total
    database.close()
    return found


def test_500_pictures_deleted_and_undone_all_come_back(gallery: Gallery) -> None:
    ids = fill_rows(gallery.database, 500)
    before = [image.as_dict() for image in gallery.list("local", limit=500).images]
    assert gallery.bin("local", ids) == 500
    assert (gallery.list("local").total, gallery.list("local", binned=True).total) == (0, 500)
    assert gallery.restore("local", ids) == 500
    assert [image.as_dict() for image in gallery.list("local", limit=500).images] == before


def test_one_strange_id_and_nothing_moves(gallery: Gallery) -> None:
    ids = fill_rows(gallery.database, 600)
    with pytest.raises(NotFound, match="Nothing was changed"):
        gallery.bin("local", [*ids, "f" * 32])
    assert gallery.list("local").total == 600


def test_what_nobody_asked_to_keep_goes_for_good_and_nothing_else(gallery: Gallery) -> None:
    ids = fill_rows(gallery.database, 300)
    gallery.bin("local", ids[:10])
    with pytest.raises(NotFound):
        gallery.discard("local", [ids[20], "f" * 32])
    with pytest.raises(NotFound):
        gallery.discard("somebody else", ids[20:30])
    assert gallery.discard("local", ids[100:300]) == 200
    assert (gallery.list("local").total, gallery.list("local", binned=True).total) == (90, 10)
    assert gallery.discard("local", []) == 0


def test_what_comes_back_while_the_bin_is_emptied_is_whole_or_gone(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture whose turn came is gone before it is asked for; one whose turn had not come is kept."""
    monkeypatch.setattr(module, "DELETED_AT_ONCE", 2)
    ids = [gallery.add(pixels(index), recipe().for_picture(index), {}, "local", "job", index).id for index in range(4)]
    gallery.bin("local", ids)
    asked, answers = threading.Event(), []
    deleted = []

    def restore(image_id: str) -> None:
        asked.set()
        try:
            answers.append((image_id, gallery.restore("local", [image_id])))
        except NotFound:
            answers.append((image_id, 0))

    def deleted_meanwhile(file: str, image_id: str) -> None:
        delete_file(file, image_id)
        deleted.append(image_id)
        if len(deleted) == 1:
            asking.extend(threading.Thread(target=restore, args=(image_id,)) for image_id in ids)
            for thread in asking:
                thread.start()
            asked.wait(10)
            time.sleep(0.1)  # those who do not wait for the deletion are through by now

    asking: list[threading.Thread] = []
    delete_file = gallery._delete_file
    monkeypatch.setattr(gallery, "_delete_file", deleted_meanwhile)
    gallery.empty_bin("local")
    for thread in asking:
        thread.join(30)
    restored = sorted(image_id for image_id, count in answers if count)
    assert len(answers) == 4 and sorted(gallery.ids("local")) == restored
    assert sorted([*restored, *deleted]) == sorted(ids)
    assert all(gallery.file("local", image_id).is_file() for image_id in restored)


def test_a_kill_in_the_middle_of_one_delete(tmp_path: Path, empty_database: Path) -> None:
    shutil.copy(empty_database, tmp_path / "studio.db")
    database = Database.at(tmp_path / "studio.db")
    fill_rows(database, COUNT)
    database.close()
    process = binning(tmp_path, 2)  # the first 500 are marked, the rest are not, and nothing is committed
    output, _ = process.communicate(timeout=60)
    assert process.returncode == -9 and output.split() == ["ready"]
    assert counts(tmp_path) == (COUNT, 0)


def test_kills_at_random_moments(tmp_path: Path, empty_database: Path) -> None:
    shutil.copy(empty_database, tmp_path / "studio.db")
    database = Database.at(tmp_path / "studio.db")
    fill_rows(database, COUNT)
    database.close()
    draw = random.Random(5)
    for _ in range(3):
        with binning(tmp_path) as process:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            time.sleep(draw.uniform(0.01, 0.3))
            process.kill()
        assert counts(tmp_path) in ((COUNT, 0), (0, COUNT))
        database = Database.at(tmp_path / "studio.db")
        gallery = Gallery(database, Paths.at(tmp_path))
        gallery.restore("local", list(gallery.ids("local", binned=True)))
        assert gallery.list("local").total == COUNT
        database.close()
