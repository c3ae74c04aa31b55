"""A drive that goes and comes back: nothing is written beside it, nothing deleted, and what waited goes on."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from studio.errors import StorageError, StorageMissing
from studio.gallery import Gallery
from studio.gallery.anchor import FILE
from studio.paths import Paths
from studio.recipe.events import JobState
from studio.store import write_atomic
from tests.gallery.pictures import NOTES, pixels, recipe
from tests.jobs.parts import Parts, resolved, wait_for


def add(gallery: Gallery, index: int) -> str:
    return gallery.add(pixels(index, 8, 8), recipe().for_picture(index), NOTES, "local", "job", index).id


def unplugged(paths: Paths) -> Path:
    """The drive is out: an empty folder is left where it was."""
    elsewhere = paths.images.rename(paths.home / "in a drawer")
    paths.images.mkdir()
    return elsewhere


def plugged_in(paths: Paths, elsewhere: Path) -> None:
    paths.images.rmdir()  # nothing was written into it
    elsewhere.rename(paths.images)


def test_nothing_is_written_or_deleted_while_the_folder_is_another(gallery: Gallery, paths: Paths) -> None:
    gallery.recover()
    first, second = add(gallery, 0), add(gallery, 1)
    gallery.bin("local", [first])
    elsewhere = unplugged(paths)
    with pytest.raises(StorageMissing, match="drive missing"):
        add(gallery, 2)
    with pytest.raises(StorageMissing):
        gallery.empty_bin("local")
    restarted = Gallery(gallery.database, paths)  # started while it is out
    restarted.recover()
    with pytest.raises(StorageMissing):
        add(restarted, 2)
    assert restarted.missing() is not None
    plugged_in(paths, elsewhere)
    assert restarted.missing() is None
    third = add(restarted, 2)
    assert {image.id for image in restarted.list("local").images} == {second, third}
    assert [image.id for image in restarted.list("local", binned=True).images] == [first]


@pytest.mark.parametrize("at_once", [1, 100])
def test_a_drive_that_goes_while_the_bin_is_emptied_takes_no_row_with_it(
    gallery: Gallery, paths: Paths, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """What is not there cannot be deleted; it would come back as new pictures."""
    gallery.recover()
    ids = [add(gallery, index) for index in range(3)]
    gallery.bin("local", ids)
    monkeypatch.setattr("studio.gallery.gallery.DELETED_AT_ONCE", at_once)
    delete_file, drawer, deleted = gallery._delete_file, [], []

    def pulled_out_first(file: str, image_id: str) -> None:
        if len(deleted) == 1:
            drawer.append(unplugged(paths))
        delete_file(file, image_id)
        deleted.append(image_id)

    with monkeypatch.context() as patched:
        patched.setattr(gallery, "_delete_file", pulled_out_first)
        with pytest.raises(StorageMissing):
            gallery.empty_bin("local")
    plugged_in(paths, drawer[0])
    left = {image.id for image in gallery.list("local", binned=True).images}
    assert left >= set(ids) - {deleted[0]}
    assert all(gallery.file("local", image_id).is_file() for image_id in set(ids) - {deleted[0]})
    gallery.empty_bin("local")
    assert gallery.list("local", binned=True).total == 0 and not list(paths.images.rglob("*.png"))


def test_a_home_that_goes_while_a_picture_is_written_is_not_made_anew(
    gallery: Gallery, paths: Paths, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at its drive and the picture, or the picture and its thumbnail."""
    gallery.recover()
    elsewhere = tmp_path_factory.mktemp("drawer") / "home"

    def pulled_out_and_written(path: Path, data: bytes, **options: object) -> None:
        paths.home.rename(elsewhere)
        write_atomic(path, data, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr("studio.gallery.gallery.write_atomic", pulled_out_and_written)
        with pytest.raises(StorageMissing, match="drive missing"):
            add(gallery, 0)
    assert not paths.home.exists()
    elsewhere.rename(paths.home)
    with monkeypatch.context() as patched:
        patched.setattr("studio.gallery.thumbnails.write_atomic", pulled_out_and_written)
        add(gallery, 0)  # the database is open still
    assert not paths.home.exists()
    elsewhere.rename(paths.home)
    assert gallery.list("local").total == 1 and len(list(paths.images.rglob("*.png"))) == 1


def test_a_folder_emptied_on_purpose_can_be_told(gallery: Gallery, paths: Paths) -> None:
    gallery.recover()
    add(gallery, 0)
    shutil.rmtree(paths.images)
    with pytest.raises(StorageMissing):
        add(gallery, 1)
    paths.images.mkdir()
    (paths.images / FILE).touch()
    add(gallery, 1)


def test_a_finished_picture_waits_for_its_drive(
    tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.jobs.clerk.PAUSE_S", 0.05)
    paths = Paths.at(tmp_path / "home")
    paths.home.mkdir()
    shutil.copy(empty_database, paths.database)
    parts = Parts.build(paths.home)
    parts.gallery.recover()
    parts.dispatcher.start()
    try:
        elsewhere = unplugged(paths)
        parts.dispatcher.enqueue("local", resolved(), 6, "six")
        wait_for(lambda: "drive missing" in (parts.hub.view("local", "six").notice or ""))
        assert list(paths.images.iterdir()) == []
        plugged_in(paths, elsewhere)
        ended = parts.finished("six")
        assert (ended.state, ended.done, ended.notice) == (JobState.DONE, 6, None)
        assert len(list(paths.images.rglob("*.png"))) == 6
    finally:
        parts.close()


def test_a_real_drive_is_taken_out_and_put_back(tmp_path: Path, empty_database: Path) -> None:
    drive, paths = tmp_path / "drive", Paths.at(tmp_path / "home")
    drive.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(drive)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a drive cannot be mounted here: that needs root")
    mounted, aside = [drive], tmp_path / "aside"
    aside.mkdir()
    try:
        paths.home.mkdir()
        paths.images.symlink_to(drive)
        shutil.copy(empty_database, paths.database)
        parts = Parts.build(paths.home)
        parts.gallery.recover()
        first = add(parts.gallery, 0)
        subprocess.run(["mount", "--move", str(drive), str(aside)], check=True, capture_output=True)
        mounted = [aside]
        with pytest.raises(StorageMissing):
            add(parts.gallery, 1)
        assert list(drive.iterdir()) == []
        subprocess.run(["mount", "--move", str(aside), str(drive)], check=True, capture_output=True)
        mounted = [drive]
        assert parts.gallery.file("local", first).is_file()
        add(parts.gallery, 1)
        parts.close()
    finally:
        for place in mounted:
            subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_home_that_goes_and_comes_back(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a drive that is pulled out every read and write fails, on connections from before too."""
    monkeypatch.setattr("studio.jobs.clerk.PAUSE_S", 0.05)
    monkeypatch.setattr("studio.jobs.dispatcher.PAUSE_S", 0.05)
    paths = Paths.at(tmp_path / "home")
    paths.home.mkdir()
    shutil.copy(empty_database, paths.database)
    parts = Parts.build(paths.home, seconds_per_step=0.02)
    parts.gallery.recover()
    parts.dispatcher.start()
    try:
        parts.dispatcher.enqueue("local", resolved(seed=1), 8, "before")
        wait_for(lambda: parts.hub.view("local", "before").done >= 1)
        elsewhere = paths.home.rename(tmp_path / "in a drawer")
        parts.database.close()  # what is opened anew finds nothing
        with pytest.raises(StorageError):
            for number in range(100):
                parts.dispatcher.enqueue("local", resolved(), 1, f"meanwhile-{number}")
        assert not paths.home.exists()
        elsewhere.rename(paths.home)
        assert parts.finished("before").done == 8
        assert parts.finished(parts.dispatcher.enqueue("local", resolved(seed=50)).id).done == 1
        seeds = [image.seed for image in parts.gallery.list("local", limit=500).images]
        assert sorted(set(range(1, 9)) | {50}) == sorted({seed for seed in seeds if seed in (*range(1, 9), 50)})
        assert len(list(paths.images.rglob("*.png"))) == len(seeds)
    finally:
        parts.close()
