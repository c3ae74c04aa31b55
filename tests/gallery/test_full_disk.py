"""A full disk costs no picture: the error says so, nothing half-written stays, and trying again goes on."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from studio.errors import StorageError, StorageFull
from studio.gallery import Gallery, Image, png
from studio.paths import Paths
from studio.store import Database
from studio.store.tables import OwnerRow
from tests.gallery.pictures import NOTES, pixels, recipe

SIDE_PX = 96
"""Noise of this size is a file of 27 kB."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here: that needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def add(gallery: Gallery, index: int) -> Image:
    return gallery.add(pixels(index, SIDE_PX, SIDE_PX), recipe().for_picture(index), NOTES, "local", "job", index)


def add_until_full(gallery: Gallery) -> int:
    """Add pictures until the disk is full; answers the index of the one that failed."""
    for index in range(1000):
        try:
            add(gallery, index)
        except StorageFull as error:
            assert "full" in str(error)
            return index
    raise AssertionError("the disk was never full")


def check(gallery: Gallery, paths: Paths, count: int) -> None:
    images = gallery.list("local", limit=1000).images
    assert sorted(image.index for image in images if image.index is not None) == list(range(count))
    for image in images:
        assert png.read(gallery.file("local", image.id)).sha256 == image.sha256
    assert len([path for path in paths.images.rglob("*") if path.is_file()]) == count


def test_a_disk_that_fills_up(small_disk: Path, empty_database: Path) -> None:
    paths = Paths.at(small_disk)
    shutil.copy(empty_database, paths.database)
    database = Database.open(paths.database)
    gallery = Gallery(database, paths)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\1" * 500_000)
    failed = add_until_full(gallery)
    assert failed > 5
    assert gallery.list("local").total == failed  # looking still works
    with pytest.raises(StorageFull):
        add(gallery, failed)
    ballast.unlink()
    assert add(gallery, failed).index == failed
    check(gallery, paths, failed + 1)
    assert database.check() is None
    database.close()


def test_the_database_has_no_room_for_the_row(small_disk: Path, empty_database: Path, tmp_path: Path) -> None:
    shutil.copy(empty_database, small_disk / "studio.db")
    database = Database.open(small_disk / "studio.db")
    paths = Paths.at(tmp_path / "home")
    paths.home.mkdir()
    gallery = Gallery(database, paths)
    add(gallery, 0)
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096):
            try:
                while file.write(b"\1" * size) == size:
                    pass
            except OSError as error:
                assert error.errno == errno.ENOSPC
    failed = add_until_full_from(gallery, 1)
    with pytest.raises(StorageFull):
        add(gallery, failed)
    ballast.unlink()
    assert add(gallery, failed).index == failed
    check(gallery, paths, failed + 1)
    database.close()


def add_until_full_from(gallery: Gallery, first: int) -> int:
    for index in range(first, 1000):
        try:
            add(gallery, index)
        except StorageFull:
            return index
    raise AssertionError("the disk was never full")


def test_a_full_disk_does_not_keep_the_studio_from_starting(
    small_disk: Path, empty_database: Path, tmp_path: Path
) -> None:
    shutil.copy(empty_database, small_disk / "studio.db")
    paths = Paths.at(tmp_path / "home")
    database = Database.open(small_disk / "studio.db")
    gallery = Gallery(database, paths)
    for index in range(30):
        (paths.images / "new").mkdir(parents=True, exist_ok=True)
        text = {"parameters": "walrus " * 2000 + f"\nSteps: 2, Sampler: Euler, Seed: {index}"}
        (paths.images / "new" / f"{index}.png").write_bytes(png.encode(pixels(index, 8, 8), text))
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\1" * 1_500_000)
    report = gallery.recover()
    assert "full" in report.problem
    ballast.unlink()
    gallery.recover()
    assert gallery.list("local").total == 30
    database.close()


def test_a_disk_that_fills_up_inside_a_nested_block(small_disk: Path, empty_database: Path) -> None:
    """SQLite then ends the whole transaction at once, and the savepoint to go back to is gone."""
    shutil.copy(empty_database, small_disk / "studio.db")
    database = Database.at(small_disk / "studio.db")
    with pytest.raises(StorageFull), database.session():
        for number in range(100):
            with database.session() as inner:
                inner.add(OwnerRow(id=str(number), name="x" * 100_000, created_at=datetime.now(timezone.utc)))
    with database.reading() as session:
        assert session.query(OwnerRow).count() == 1
    database.close()


@pytest.mark.parametrize("call", ["fsync", "write"])
def test_a_disk_that_says_so_late(gallery: Gallery, paths: Paths, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Without root: the system's own error, raised where a full disk raises it."""
    add(gallery, 0)

    def full(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if call == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr("studio.store.files._write", full)
    with pytest.raises(StorageFull, match="Make room"):
        add(gallery, 1)
    monkeypatch.undo()
    check(gallery, paths, 1)
    add(gallery, 1)
    check(gallery, paths, 2)


def test_a_thumbnail_without_room_costs_no_picture(
    gallery: Gallery, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object, **_named: object) -> None:
        raise StorageFull("full")

    monkeypatch.setattr("studio.gallery.thumbnails.write_atomic", full)
    image = add(gallery, 0)
    with pytest.raises(StorageError):
        gallery.thumbnail("local", image.id)
    monkeypatch.undo()
    assert gallery.thumbnail("local", image.id).is_file()


def test_a_row_that_fails_is_made_up_for_without_a_second_file(
    gallery: Gallery, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Database.session

    def failing(_self: Database) -> None:
        raise StorageFull("The disk with the database is full.")

    monkeypatch.setattr(Database, "session", failing)
    for _ in range(3):
        with pytest.raises(StorageFull):
            add(gallery, 0)
    monkeypatch.setattr(Database, "session", session)
    assert len(list(paths.images.rglob("*.png"))) == 1
    add(gallery, 0)
    check(gallery, paths, 1)
