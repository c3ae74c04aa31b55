"""The files are the truth: rows come back from them exactly, and nothing is ever deleted for being odd."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo
from sqlalchemy import text
from sqlalchemy.orm import Session

from studio.errors import StorageError, StorageMissing
from studio.gallery import Gallery, Image
from studio.gallery.rebuild import Rebuilding
from studio.paths import Paths
from studio.store import Database
from studio.store.tables import ImageRow, OwnerRow
from tests.gallery.pictures import NOTES, pixels, recipe

A1111 = (
    "castle on a hill\nNegative prompt: people\n"
    "Steps: 30, Sampler: Euler a, Schedule type: Karras, CFG scale: 6.5, Seed: 777, Size: 32x24, Model: dreamlike, "
    "Hires upscale: 2"
)


def filled(gallery: Gallery, count: int = 6) -> list[Image]:
    with gallery.database.session() as session:
        session.add(OwnerRow(id="anna", name="Anna", created_at=datetime.now(timezone.utc)))
    return [
        gallery.add(
            pixels(index, 16, 16),
            recipe('cat "1", 猫: Steps: 3\nSeed: 4', guidance_scale=0.1 + 7).for_picture(index),
            NOTES,
            "anna" if index == 2 else "local",
            "job",
            index,
        )
        for index in range(count)
    ]


def everything(gallery: Gallery) -> list[Image]:
    found = [*gallery.list("local").images, *gallery.list("local", binned=True).images, *gallery.list("anna").images]
    return sorted(found, key=lambda image: image.created_at)


def foreign(path: Path, infotext: str | None = A1111) -> None:
    chunks = PngInfo()
    if infotext is not None:
        chunks.add_text("parameters", infotext)
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.new("RGB", (32, 24), "red").save(path, pnginfo=chunks)


def test_a_lost_database_comes_back_exactly(gallery: Gallery, paths: Paths) -> None:
    before = filled(gallery)
    gallery.database.close()
    for path in paths.home.glob("studio.db*"):
        path.unlink()
    fresh = Gallery(Database.open(paths.database), paths)
    report = fresh.recover()
    assert (report.added, report.damaged, report.copies) == (6, [], [])
    assert everything(fresh) == before
    assert fresh.list("local", query="猫").total == 5
    assert fresh.add(pixels(0), before[0].recipe, NOTES, "local", "job", 0) == before[0]  # type: ignore[arg-type]
    fresh.database.close()


def test_a_truncated_database_is_set_aside_and_nothing_is_missing(gallery: Gallery, paths: Paths) -> None:
    before = filled(gallery, 40)
    gallery.favourite("local", before[1].id, True)
    gallery.database.close()
    content = paths.database.read_bytes()
    paths.database.write_bytes(content[: len(content) * 2 // 3])
    fresh = Gallery(Database.open(paths.database), paths)
    fresh.recover()
    assert fresh.database.preparation.set_aside is not None
    assert [replace(image, favourite=False) for image in everything(fresh)] == before
    fresh.database.close()


def test_favourites_and_bin_are_rescued_from_a_damaged_database(gallery: Gallery, paths: Paths) -> None:
    before = filled(gallery)
    gallery.favourite("local", before[0].id, True)
    gallery.bin("local", [before[1].id])
    marked = everything(gallery)
    gallery.database.close()
    content = bytearray(paths.database.read_bytes())
    content[-4096:] = b"\xff" * 4096  # a page of the search index, the last that was made
    paths.database.write_bytes(content)
    database = Database.open(paths.database)
    assert database.preparation.set_aside is not None
    fresh = Gallery(database, paths)
    fresh.recover()
    assert everything(fresh) == marked
    database.close()


def test_rebuild_keeps_what_only_the_rows_know(gallery: Gallery) -> None:
    before = filled(gallery)
    gallery.favourite("local", before[0].id, True)
    gallery.bin("local", [before[1].id])
    marked = everything(gallery)
    with gallery.database.session() as session:
        session.execute(text("UPDATE images SET prompt = 'wrong', seed = 1, recipe = NULL, sha256 = ''"))
    report = gallery.rebuild()
    assert (report.kept, report.added, report.gone) == (6, 0, [])
    assert everything(gallery) == marked


def test_rebuild_mends_the_search_index(gallery: Gallery) -> None:
    filled(gallery)
    with gallery.database.session() as session:
        session.execute(text("INSERT INTO image_search(image_search) VALUES ('delete-all')"))
    assert gallery.list("local", query="cat").total == 0
    gallery.rebuild()
    assert gallery.list("local", query="cat").total == 5


def test_foreign_pictures_are_taken_in_with_what_they_say(gallery: Gallery, paths: Paths) -> None:
    foreign(paths.images / "from a1111" / "00001-777.PNG")
    assert gallery.recover().added == 1
    (image,) = gallery.list("local", query="castle").images
    assert (image.prompt, image.negative_prompt, image.seed, image.steps) == ("castle on a hill", "people", 777, 30)
    assert (image.sampler, image.checkpoint, image.recipe) == ("Euler a", "dreamlike", None)
    assert (image.width_px, image.height_px, image.infotext) == (32, 24, A1111)
    assert image.notes["Hires upscale"] == "2"
    form = image.to_recipe()
    assert form is not None
    assert form.guidance_scale == 6.5
    assert gallery.thumbnail("local", image.id).is_file()
    assert gallery.recover().added == 0


@pytest.mark.parametrize("infotext", [None, "", "nothing of the kind", "x" * 30_000 + "\nSteps: 1, Seed: 2"])
def test_pictures_that_say_nothing_useful_are_listed_all_the_same(
    gallery: Gallery, paths: Paths, infotext: str | None
) -> None:
    foreign(paths.images / "a.png", infotext)
    report = gallery.recover()
    assert (report.added, report.damaged) == (1, [])
    (image,) = gallery.list("local").images
    assert image.infotext == (infotext or "")


def test_a_foreign_picture_is_the_same_after_losing_the_database(gallery: Gallery, paths: Paths) -> None:
    foreign(paths.images / "a.png")
    gallery.recover()
    before = gallery.list("local").images
    with gallery.database.session() as session:
        session.execute(text("DELETE FROM images"))
    gallery.recover()
    assert gallery.list("local").images == before


def test_damaged_files_are_named_and_left_alone(gallery: Gallery, paths: Paths) -> None:
    image = filled(gallery)[0]
    whole = (paths.images / image.file).read_bytes()
    (paths.images / "cut.png").write_bytes(whole[:-200])
    (paths.images / "empty.png").write_bytes(b"")
    (paths.images / "text.png").write_bytes(b"no picture")
    (paths.images / "folder.png").mkdir()
    for report in (gallery.recover(), gallery.rebuild()):
        assert dict(report.damaged).keys() == {"cut.png", "empty.png", "text.png"}
        assert "cut off" in dict(report.damaged)["cut.png"]
        assert "cut.png" in str(report)
    assert len(everything(gallery)) == 6
    assert (paths.images / "cut.png").read_bytes() == whole[:-200]


def test_copies_are_named_and_not_listed_twice(gallery: Gallery, paths: Paths) -> None:
    image = filled(gallery)[0]
    shutil.copy(paths.images / image.file, paths.images / "copy.png")
    foreign(paths.images / "b.png")
    foreign(paths.images / "c.png")
    report = gallery.recover()
    assert report.added == 1
    assert "copy.png" in report.copies
    assert len(report.copies) == 2
    assert len(everything(gallery)) == 7
    assert (paths.images / "copy.png").is_file()


def test_a_moved_file_is_found_again_with_its_marks(gallery: Gallery, paths: Paths) -> None:
    image = filled(gallery)[0]
    gallery.favourite("local", image.id, True)
    (paths.images / "best of").mkdir()
    (paths.images / image.file).rename(paths.images / "best of" / "cat.png")
    assert gallery.recover().moved == 1
    found = gallery.get("local", image.id)
    assert (found.file, found.favourite, found.created_at) == ("best of/cat.png", True, image.created_at)


def test_rows_whose_file_is_gone_leave_only_in_a_rebuild(gallery: Gallery, paths: Paths) -> None:
    image = filled(gallery)[0]
    (paths.images / image.file).unlink()
    gallery.recover()
    assert len(everything(gallery)) == 6
    assert gallery.rebuild().gone == [image.file]
    assert len(everything(gallery)) == 5


def test_a_drive_that_is_not_connected_costs_no_row(gallery: Gallery, paths: Paths) -> None:
    before = filled(gallery)
    gallery.bin("local", [before[0].id])
    paths.images.rename(paths.home / "elsewhere")
    gallery.recover()
    with pytest.raises(StorageError, match="drive"):
        gallery.rebuild()
    (paths.home / "elsewhere").rename(paths.images)
    assert len(everything(gallery)) == 6


def test_a_drive_that_goes_during_a_rebuild_costs_no_row(
    gallery: Gallery, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.recover()
    filled(gallery)
    gone = gallery.list("local").images[0]
    (paths.images / gone.file).rename(paths.home / "elsewhere.png")
    before = everything(gallery)
    rebuilding = Rebuilding(gallery.database, paths.images, gallery.thumbnails)
    forget = rebuilding._forget

    def unplugged_and_forgot(files: list[str]) -> None:
        paths.images.rename(paths.home / "in a drawer")
        paths.images.mkdir()
        forget(files)

    monkeypatch.setattr(rebuilding, "_forget", unplugged_and_forgot)
    with pytest.raises(StorageMissing, match="drive missing"):
        rebuilding.rebuild()
    assert everything(gallery) == before and rebuilding.report.gone == []


def test_a_folder_that_cannot_be_read_costs_no_row(
    gallery: Gallery, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = filled(gallery)
    foreign(paths.images / "other" / "x.png")
    gallery.bin("local", [images[0].id])
    closed, scandir, is_file = str((paths.images / images[0].file).parent), os.scandir, Path.is_file
    before = everything(gallery)

    def refused(place: str) -> object:
        if place == closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), place)
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refused)
    monkeypatch.setattr(Path, "is_file", lambda path: not str(path).startswith(closed) and is_file(path))
    with pytest.raises(StorageError, match=r"cannot be read: Permission denied\. Nothing was changed"):
        gallery.rebuild()
    assert everything(gallery) == before
    report = gallery.recover()
    assert (report.added, report.gone) == (1, []) and "cannot be read" in report.problem
    assert len(everything(gallery)) == len(before) + 1
    closed = str(paths.images / "lost+found")
    Path(closed).mkdir()
    assert gallery.rebuild().problem == "", "a disk has folders for itself"


def test_what_is_deleted_for_good_during_a_rebuild_stays_deleted(
    gallery: Gallery, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = filled(gallery)
    gallery.bin("local", [images[0].id])
    rebuilding = Rebuilding(gallery.database, paths.images, gallery.thumbnails)
    enter = rebuilding._enter_or_name

    def emptied_before_the_first(session: Session, found: object) -> None:
        monkeypatch.setattr(rebuilding, "_enter_or_name", enter)
        row = session.get_one(ImageRow, 1)  # as the deletion that had its turn before has left it
        (paths.images / row.file).unlink()
        session.delete(row)
        session.flush()
        enter(session, found)  # type: ignore[arg-type]

    monkeypatch.setattr(rebuilding, "_enter_or_name", emptied_before_the_first)
    report = rebuilding.rebuild()
    assert (report.added, report.kept) == (0, len(images) - 1)
    assert everything(gallery) == images[1:]


def test_links_out_of_the_folder_are_not_followed(gallery: Gallery, paths: Paths, tmp_path: Path) -> None:
    foreign(tmp_path / "secret" / "private.png")
    paths.images.mkdir(exist_ok=True)
    (paths.images / "link.png").symlink_to(tmp_path / "secret" / "private.png")
    (paths.images / "folder").symlink_to(tmp_path / "secret")
    assert gallery.recover().added == 0


def test_a_forged_identity_is_no_identity(gallery: Gallery, paths: Paths) -> None:
    paths.images.mkdir()
    for number, chunk in enumerate(
        [
            '{"id": "../../x", "owner": "local", "job_id": "j", "index": 0, "created_at": "2026-01-01T00:00:00+00:00"}',
            '{"id": 5}',
            "[]",
            "no json",
            "[" * 100_000,
        ]
    ):
        chunks = PngInfo()
        chunks.add_text("latent-studio-image", chunk)
        Pillow.new("RGB", (8, 8), (number, 0, 0)).save(paths.images / f"{number}.png", pnginfo=chunks)
    assert gallery.recover().added == 5
    for image in gallery.list("local").images:
        assert len(image.id) == 32
        assert image.job_id is None


def test_two_galleries_recover_at_once(gallery: Gallery, paths: Paths) -> None:
    before = filled(gallery, 8)
    with gallery.database.session() as session:
        session.execute(text("DELETE FROM images"))
    import threading

    threads = [threading.Thread(target=gallery.recover) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert everything(gallery) == before
    assert asdict(gallery.recover())["added"] == 0
