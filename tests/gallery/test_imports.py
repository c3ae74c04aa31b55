"""Other programs' folders come in whole: each picture once, with what it says, and nothing of theirs is touched."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from PIL import Image as Pillow

from studio.errors import Conflict, InvalidField, NotFound, StorageFull, StorageMissing
from studio.gallery import Gallery, folders
from studio.gallery import imports as importing
from studio.gallery.anchor import FILE as MARK
from studio.gallery.imports import FILES_AT_ONCE, Imports, ImportView
from studio.gallery.incoming import Incoming, Taken
from studio.paths import Paths
from studio.store import Database
from tests.gallery.foreign import OF_PROGRAMS, outputs, png_with, put
from tests.gallery.pictures import NOTES, pixels, recipe
from tests.jobs.parts import wait_for

COUNT = 10
"""Pictures in `outputs` that can be kept and are no double."""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.at(tmp_path / "home")


@pytest.fixture
def gallery(paths: Paths, empty_database: Path) -> Iterator[Gallery]:
    paths.home.mkdir()
    shutil.copy(empty_database, paths.database)
    database = Database.at(paths.database)
    yield Gallery(database, paths)
    database.close()


@pytest.fixture
def imports(gallery: Gallery, paths: Paths) -> Iterator[Imports]:
    made = Imports(gallery, paths.home)
    yield made
    made.close()


def imported(imports: Imports, *names: Path, labels: str = "none") -> ImportView:
    """An import that is through."""
    *_, last = imports.run(imports.order("local", [str(name) for name in names], labels).id)
    return last


def fingerprints(folder: Path) -> dict[str, tuple[str, int]]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file): (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns) for file in files}


def prompts(gallery: Gallery) -> dict[str, str]:
    """Who made it, and its prompt."""
    return {image.notes.get("Made with", ""): image.prompt for image in gallery.list("local", limit=100).images}


def take(gallery: Gallery, data: bytes, owner: str = "local", path: str = "x.png") -> Taken:
    return Incoming(gallery).take(data, owner, path, datetime(2024, 5, 6, tzinfo=timezone.utc))


def test_folders_of_seven_programs_come_in_once_and_the_originals_stay(
    gallery: Gallery, imports: Imports, tmp_path: Path
) -> None:
    theirs = outputs(tmp_path / "outputs")
    before = fingerprints(theirs)
    view = imported(imports, theirs)
    assert (view.state, view.imported, view.doubles, view.skipped) == ("done", COUNT, 1, 2)
    assert view.total == COUNT + 3 and view.settled == view.total
    assert {file: reason.split(" after")[0] for file, reason in view.problems} == {
        "A1111/cut.png": "is cut off", "A1111/cut.jpg": "is damaged or cut off",
    }  # fmt: skip
    assert fingerprints(theirs) == before
    found = prompts(gallery)
    for program, (_, prompt) in OF_PROGRAMS.items():
        assert found[program].startswith(prompt), program
    castle = gallery.list("local", search='castle sampler:"Euler a" steps:30 seed:777 model:dreamlike').images
    assert len(castle) == 4, "the PNG, JPEG, WebP and AVIF say the same"
    again = imported(imports, theirs)
    assert (again.imported, again.doubles, again.skipped) == (0, COUNT + 1, 2)
    assert gallery.list("local").total == COUNT


def test_every_original_is_kept_byte_for_byte_with_a_thumbnail(
    gallery: Gallery, imports: Imports, tmp_path: Path
) -> None:
    theirs = outputs(tmp_path / "outputs")
    imported(imports, theirs)
    kept = {gallery.file("local", image.id).read_bytes() for image in gallery.list("local", limit=50).images}
    assert kept < {Path(file).read_bytes() for file in fingerprints(theirs)}
    assert {Path(file).suffix for file in fingerprints(gallery.folder) if not file.endswith(MARK)} == {
        ".png",
        ".jpg",
        ".webp",
        ".avif",
    }
    for image in gallery.list("local").images:
        with Pillow.open(gallery.thumbnail("local", image.id)) as small:
            assert small.size == (image.width_px, image.height_px) == (32, 24)
    shutil.rmtree(theirs)
    assert gallery.file("local", gallery.list("local").images[0].id).is_file(), "the drive may go"


def test_a_rebuild_from_the_files_knows_everything_again(
    gallery: Gallery, imports: Imports, paths: Paths, tmp_path: Path
) -> None:
    imported(imports, outputs(tmp_path / "outputs"))
    take(gallery, png_with({}, 77), owner=_anna(gallery))
    before = [*gallery.list("local", limit=50).images, *gallery.list("anna").images]
    gallery.database.close()
    paths.database.unlink()
    database = Database.open(paths.database)
    fresh = Gallery(database, paths)
    report = fresh.recover()
    assert report.added == len(before) and not report.damaged
    after = [*fresh.list("local", limit=50).images, *fresh.list("anna").images]
    assert {image.id: image for image in after} == {image.id: image for image in before}
    database.close()


def _anna(gallery: Gallery) -> str:
    from studio.store.tables import OwnerRow

    with gallery.database.session() as session:
        session.add(OwnerRow(id="anna", name="Anna", created_at=datetime.now(timezone.utc)))
    return "anna"


def test_the_same_file_is_a_picture_of_each_who_brings_it(gallery: Gallery, paths: Paths) -> None:
    anna, data = _anna(gallery), png_with({}, 1)
    first, hers = take(gallery, data), take(gallery, data, anna)
    assert (first.outcome, hers.outcome) == ("imported", "imported")
    assert first.image.id != hers.image.id and first.image.sha256 == hers.image.sha256
    gallery.bin("local", [first.image.id])
    gallery.empty_bin("local")
    assert gallery.file(anna, hers.image.id).read_bytes() == data
    with pytest.raises(NotFound):
        gallery.get("local", hers.image.id)


def test_own_pictures_come_home_as_themselves(gallery: Gallery, tmp_path: Path) -> None:
    """A file of this gallery is here already; one of another home keeps its id, and with it its lineage."""
    made = gallery.add(pixels(1), recipe("mine"), NOTES, "local", "job", 0)
    data = gallery.file("local", made.id).read_bytes()
    assert take(gallery, data) == Taken("here", gallery.get("local", made.id))
    gallery.bin("local", [made.id])
    assert take(gallery, data).outcome == "in_bin"
    gallery.empty_bin("local")
    back = take(gallery, data)
    assert back.outcome == "imported" and back.image == replace(
        made, file=back.image.file, job_id=None, index=None, binned_at=None
    )
    assert take(gallery, data, _anna(gallery)).image.id != made.id


def test_dates_are_those_of_the_files(gallery: Gallery, imports: Imports, tmp_path: Path) -> None:
    theirs = tmp_path / "out"
    written = datetime(2023, 7, 8, 9, 10, 11, tzinfo=timezone.utc)
    names = ["ComfyUI_00001_.png", "2024-01-31/00007-42.png", "2024-02-01_12-30-45_1234.png"]
    for number, name in enumerate(names):
        os.utime(put(theirs / name, png_with({}, number)), (written.timestamp(), written.timestamp()))
    imported(imports, theirs)
    local = written.astimezone()
    assert [image.created_at for image in gallery.list("local", sort="oldest").images] == [
        written,
        datetime(2024, 1, 31, local.hour, local.minute, local.second).astimezone(timezone.utc),
        datetime(2024, 2, 1, 12, 30, 45).astimezone(timezone.utc),
    ]


@pytest.mark.parametrize("labels", ["tags", "albums"])
def test_subfolders_become_tags_or_albums(gallery: Gallery, imports: Imports, tmp_path: Path, labels: str) -> None:
    theirs = tmp_path / "Out"
    put(theirs / "direct.png", png_with({}, 1))
    put(theirs / "Txt2Img" / 'odd "name"' / "a.png", png_with({}, 2))
    put(theirs / "Txt2Img" / "b.png", png_with({}, 3))
    imported(imports, theirs, labels=labels)
    kept = gallery.labels
    if labels == "tags":
        assert kept.tags("local") == {"odd name": 1, "out": 1, "txt2img": 2} and kept.albums("local") == []
    else:
        names = {album.name: album.count for album in kept.albums("local")}
        assert names == {"Out": 1, "Txt2Img": 1, "Txt2Img / odd name": 1} and kept.tags("local") == {}
    imported(imports, theirs, labels=labels)
    assert gallery.list("local").total == 3 and sum(album.count for album in kept.albums("local")) in (0, 3)


def test_folders_are_refused_in_words(imports: Imports, paths: Paths, tmp_path: Path) -> None:
    file = put(tmp_path / "a.png", b"")
    refused = {
        "outputs": "not a whole path",
        str(tmp_path / "nowhere"): "there is no folder",
        str(file): "is a file",
        "/": "no place of pictures",
        "/proc": "no place of pictures",
        str(paths.home): "belongs to this studio already",
        str(paths.images): "there is no folder",
        "": "empty name",
        "/a\0b": "empty name",
    }
    for name, words in refused.items():
        with pytest.raises(InvalidField, match=words):
            imports.survey([name])
    with pytest.raises(InvalidField, match="cannot be imported at once"):
        imports.survey([])
    with pytest.raises(InvalidField, match="no way to label"):
        imports.order("local", [str(tmp_path)], "stars")


def test_the_home_inside_a_folder_is_passed_over(gallery: Gallery, imports: Imports, tmp_path: Path) -> None:
    gallery.add(pixels(1), recipe("mine"), NOTES, "local", "job", 0)
    put(tmp_path / "theirs.png", png_with({}, 1))
    assert imports.survey([str(tmp_path)]).count == 1


def test_a_survey_says_how_many_how_large_and_whether_they_fit(
    imports: Imports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = outputs(tmp_path / "outputs")
    survey = imports.survey([str(theirs)])
    assert survey.kinds == {"png": 9, "jpeg": 2, "webp": 1, "avif": 1} and survey.count == COUNT + 3
    assert survey.size_bytes == sum(
        file.stat().st_size
        for file in map(Path, fingerprints(theirs))
        if "thumbnails" not in file.parts and ".hidden" not in file.parts and file.suffix != ".html"
    )
    assert survey.fits and "they fit" in str(survey)
    monkeypatch.setattr(folders, "KEPT_FREE_BYTES", survey.free_bytes)
    with pytest.raises(StorageFull, match="too little room"):
        imports.order("local", [str(theirs)])


def many(folder: Path, count: int) -> Path:
    for number in range(count):
        put(folder / f"{number % 7}" / f"{number:04}.png", png_with({}, number))
    return folder


def test_a_cancelled_import_keeps_what_came_and_goes_on_later(
    gallery: Gallery, imports: Imports, tmp_path: Path
) -> None:
    count = FILES_AT_ONCE * 3
    ordered = imports.order("local", [str(many(tmp_path / "out", count))])
    running = imports.run(ordered.id)
    first = next(running)
    assert first.state == "running" and 0 < first.settled < count
    assert imports.cancel("local", ordered.id).state == "cancelled"
    *_, stopped = running
    assert stopped.state == "cancelled" and stopped.settled == gallery.list("local").total < count
    assert sum(1 for _ in gallery.folder.rglob("*.png")) == stopped.settled, "no file without a row"
    assert imports.resume("local", ordered.id).state == "waiting"
    *_, through = imports.run(ordered.id)
    assert (through.state, through.imported, through.doubles) == ("done", count, 0)
    with pytest.raises(Conflict, match="is through"):
        imports.resume("local", ordered.id)
    with pytest.raises(NotFound):
        imports.get("anna", ordered.id)


def test_one_that_is_taken_up_while_it_stops_goes_on_and_is_not_through(
    gallery: Gallery, imports: Imports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = FILES_AT_ONCE * 2
    ordered = imports.order("local", [str(many(tmp_path / "out", count))])
    running = imports.run(ordered.id)
    next(running)
    imports.cancel("local", ordered.id)
    settle = imports._settle

    def settled_and_resumed(*arguments: object) -> ImportView:
        settled = settle(*arguments)  # type: ignore[arg-type]
        imports.resume("local", ordered.id)
        return settled

    with monkeypatch.context() as patched:
        patched.setattr(imports, "_settle", settled_and_resumed)
        *_, stopped = running
    assert stopped.state == "waiting" and stopped.settled < count
    *_, through = imports.run(ordered.id)
    assert (through.state, through.imported) == ("done", count)


def test_one_that_is_cancelled_just_before_it_begins_stays_cancelled(imports: Imports, tmp_path: Path) -> None:
    ordered = imports.order("local", [str(many(tmp_path / "out", 2))])
    running = imports.run(ordered.id)
    imports.cancel("local", ordered.id)  # it was chosen, and has not begun
    assert [view.state for view in running] == ["cancelled"]
    assert imports._next() is None, "it would be taken up again and again"


def test_a_database_that_fails_for_a_while_costs_no_import(
    imports: Imports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the look for work nor the end of one may end the thread that all others wait for."""
    monkeypatch.setattr(importing, "PAUSE_S", 0.01)
    chosen, end, failures = imports._next, imports._end, [2, 2]

    def fails(which: int) -> None:
        failures[which] -= 1
        if failures[which] >= 0:
            raise StorageFull("The disk is full.")

    def next_but_late() -> tuple[str, str] | None:
        fails(0)
        return chosen()

    def end_but_late(import_id: str, state: str, error: str = "") -> None:
        fails(1)
        end(import_id, state, error)

    monkeypatch.setattr(imports, "_next", next_but_late)
    monkeypatch.setattr(imports, "_end", end_but_late)
    ordered = imports.order("local", [str(many(tmp_path / "out", 3))])
    imports.start()
    wait_for(lambda: not imports.get("local", ordered.id).is_going)
    through = imports.get("local", ordered.id)
    assert (through.state, through.settled) == ("done", 3)
    assert max(failures) < 0


def test_what_is_deleted_for_good_while_it_comes_in_again_comes_in(
    gallery: Gallery, imports: Imports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look whether it is here and its row, the bin that it lay in is emptied."""
    theirs = many(tmp_path / "out", 3)
    imported(imports, theirs, labels="tags")
    enter, data = Incoming._entered, (theirs / "0" / "0000.png").read_bytes()

    def emptied_and_entered(incoming: Incoming, *arguments: object) -> object:
        gallery.bin("local", gallery.ids("local"))
        gallery.empty_bin("local")
        return enter(incoming, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Incoming, "_entered", emptied_and_entered)
    assert take(gallery, data).outcome == "imported"
    view = imported(imports, theirs, labels="tags")
    assert (view.state, view.imported, view.doubles) == ("done", 3, 0)
    assert gallery.labels.tags("local") == {"0": 1, "1": 1, "2": 1}
    for image in gallery.list("local").images:
        assert gallery.file("local", image.id).is_file()


def test_a_full_disk_stops_it_with_the_reason(
    gallery: Gallery, imports: Imports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered = imports.order("local", [str(many(tmp_path / "out", 5))])
    with monkeypatch.context() as patched:
        patched.setattr(folders, "KEPT_FREE_BYTES", 1 << 60)
        *_, full = imports.run(ordered.id)
    assert full.state == "failed" and "nearly full" in full.error and full.settled == 0
    imports.resume("local", ordered.id)
    *_, through = imports.run(ordered.id)
    assert (through.state, through.imported) == ("done", 5)


def test_nothing_is_written_under_the_place_of_a_missing_drive(gallery: Gallery) -> None:
    take(gallery, png_with({}, 1))
    gallery.recover()
    gallery.folder.rename(gallery.folder.with_name("unplugged"))
    with pytest.raises(StorageMissing):
        take(gallery, png_with({}, 2))
    assert not gallery.folder.exists()


def test_a_drive_that_is_gone_is_said(imports: Imports, tmp_path: Path) -> None:
    theirs = many(tmp_path / "out", 3)
    ordered = imports.order("local", [str(theirs)])
    theirs.rename(tmp_path / "elsewhere")
    *_, gone = imports.run(ordered.id)
    assert gone.state == "failed" and "Is a drive missing?" in gone.error


@pytest.mark.parametrize("while_reading", [True, False])
def test_a_drive_that_goes_in_the_middle_is_said_and_nothing_is_passed_over(
    imports: Imports, tmp_path: Path, while_reading: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, elsewhere = many(tmp_path / "out", 14), tmp_path / "elsewhere"
    ordered = imports.order("local", [str(theirs)])
    take, taken = imports._take, []

    def taken_until_it_goes(*arguments: object) -> None:
        if len(taken) == 3 and while_reading:
            theirs.rename(elsewhere)
        taken.append(arguments)
        take(*arguments)  # type: ignore[arg-type]
        if len(taken) == 4 and not while_reading:
            theirs.rename(elsewhere)

    with monkeypatch.context() as patched:
        patched.setattr(imports, "_take", taken_until_it_goes)
        *_, gone = imports.run(ordered.id)
    assert gone.state == "failed" and "Is a drive missing?" in gone.error
    assert gone.skipped == 0
    elsewhere.rename(theirs)
    imports.resume("local", ordered.id)
    *_, through = imports.run(ordered.id)
    assert (through.state, through.imported, through.skipped) == ("done", 14, 0)


IMPORTING = """
import os, signal, sys
from pathlib import Path
from studio.gallery import Gallery
from studio.gallery.imports import Imports
from studio.paths import Paths
from studio.store import Database

paths = Paths.at(Path(sys.argv[1]))
gallery = Gallery(Database.at(paths.database), paths)
gallery.recover()
imports = Imports(gallery, paths.home)
if len(sys.argv) > 3:
    imports.order("local", sys.argv[3:], "albums")
take, taken = imports._take, []

def taken_until_the_kill(*arguments):
    take(*arguments)
    taken.append(arguments)
    if len(taken) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

imports._take = taken_until_the_kill
imports.start()
imports._thread.join()
"""


def test_kill_9_in_the_middle_and_the_next_start_goes_on(
    gallery: Gallery, paths: Paths, imports: Imports, tmp_path: Path
) -> None:
    count = 100
    theirs = many(tmp_path / "out", count)
    settled = 0
    for kill_after, more in ((FILES_AT_ONCE + 5, [str(theirs)]), (FILES_AT_ONCE + 9, [])):  # with files without a row
        command = [sys.executable, "-c", IMPORTING, str(paths.home), str(kill_after), *more]
        assert subprocess.run(command, cwd=Path(__file__).parents[2], check=False).returncode == -9
        interrupted = imports.list("local")[0]
        assert interrupted.state == "running" and settled < interrupted.settled < settled + kill_after
        settled = interrupted.settled
    gallery.recover()
    imports.start()
    wait_for(lambda: not imports.list("local")[0].is_going)
    through = imports.list("local")[0]
    assert (through.state, through.settled, through.skipped) == ("done", count, 0)
    assert gallery.list("local").total == count
    files = [Path(file).name for file in fingerprints(gallery.folder)]
    assert len([name for name in files if name != MARK]) == count, "nothing half-written"
    assert sum(album.count for album in gallery.labels.albums("local")) == count, "each in its album"
