"""Backups while the studio works: every row's file is in them, and what is restored is what was there."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from studio.cli.app import app as command_line
from studio.errors import Cancelled, Conflict, InvalidField, SetupError, StorageError, StorageMissing
from studio.paths import Paths
from studio.recipe.events import JobState
from studio.server import create_app
from studio.upkeep import backup as backups
from studio.upkeep import caretaker
from studio.upkeep.backup import back_up, backups_in
from studio.upkeep.caretaker import BackupPlan
from studio.upkeep.manifest import MANIFEST, Kept
from studio.upkeep.restore import restore
from tests.jobs.parts import wait_for
from tests.upkeep.conftest import COUNT, PASSWORD, StudioAt, add_picture


def everything(home: Path) -> dict[str, str]:
    """The hash of every file that a backup is for, but of the database."""
    found = {}
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home).as_posix()
        kept = not name.startswith(("studio.", "cache", "thumbnails", "models", "logs", "before-restore"))
        if path.is_file() and kept:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def rows(database: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with closing(sqlite3.connect(database)) as reading:
        tables = [name for (name,) in reading.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: sorted(reading.execute(f"SELECT * FROM {name}").fetchall(), key=repr)
            for name in tables
            if not name.startswith(("image_search", "sqlite_"))
        }


@pytest.mark.parametrize("form", ["folder", "all.zip"])
def test_what_is_restored_is_what_was_there(home: Path, tmp_path: Path, studio_at: StudioAt, form: str) -> None:
    with studio_at(home):  # while a studio works on it
        report = back_up(Paths.at(home), tmp_path / form)
    assert (report.images, report.linked_files) == (COUNT, 0)
    restored = Paths.at(tmp_path / "new")
    done = restore(tmp_path / form, restored)
    assert (done.damaged, done.aside) == ([], None)
    assert everything(restored.home) == everything(home)
    assert len(everything(home)) > COUNT + 4
    assert rows(restored.database) == rows(home / "studio.db")
    assert restored.secret_file.stat().st_mode & 0o077 == 0
    with studio_at(restored.home) as studio:
        assert studio.settings.max_count == 33
        assert studio.accounts.log_in("anna", PASSWORD, "here").name == "anna"
        assert studio.gallery.list("local", favourites=True).total == 1
        assert studio.gallery.list("local", binned=True).total == 1
        studio.start()
        wait_for(lambda: studio.job("waiting").state is JobState.DONE)  # its source is there too


def test_every_row_has_its_file_though_people_work_meanwhile(home: Path, tmp_path: Path, studio_at: StudioAt) -> None:
    stop = threading.Event()
    with studio_at(home) as studio:

        def work() -> None:
            for index in range(COUNT, 5000):
                if stop.is_set():
                    return
                image_id = add_picture(studio, index)
                if index % 3 == 0:
                    studio.gallery.bin("local", [image_id])
                if index % 10 == 0:
                    studio.gallery.empty_bin("local")

        busy = threading.Thread(target=work)
        busy.start()
        for _ in range(3):
            report = back_up(Paths.at(home), tmp_path / "backups")
            files = {path.name for path in (report.place / "images").rglob("*.png")}
            with closing(sqlite3.connect(report.place / "studio.db")) as reading:
                found = reading.execute("SELECT file FROM images").fetchall()
                assert reading.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                assert reading.execute("PRAGMA foreign_key_check").fetchall() == []
            assert {Path(file).name for (file,) in found} <= files
            assert len(found) == report.images >= COUNT - 1
        stop.set()
        busy.join()
    restored = Paths.at(tmp_path / "new")
    restore(tmp_path / "backups", restored)
    with studio_at(restored.home) as studio:
        for image in (
            *studio.gallery.list("local", limit=5000).images,
            *studio.gallery.list("local", binned=True).images,
        ):
            assert studio.gallery.file("local", image.id).is_file()


def test_what_was_deleted_for_good_meanwhile_is_in_no_row(
    home: Path, tmp_path: Path, studio_at: StudioAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    with studio_at(home) as studio:
        copy = backups._copy_database

        def copied_and_then(database: Path, target: Path) -> None:
            copy(database, target)
            studio.gallery.empty_bin("local")

        monkeypatch.setattr(backups, "_copy_database", copied_and_then)
        report = back_up(Paths.at(home), tmp_path / "backups")
    assert report.images == COUNT - 1
    assert len(list((report.place / "images").rglob("*.png"))) == COUNT - 1


def test_what_is_just_being_deleted_for_good_is_in_no_row(
    home: Path, tmp_path: Path, studio_at: StudioAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    with studio_at(home) as studio:
        shown = studio.gallery.list("local").images
        studio.gallery.bin("local", [image.id for image in shown[:3]])
        lost = studio.gallery.file("local", shown[3].id)
        lost.unlink()  # by no deletion: its row is kept
        without_file, backed_up = threading.Barrier(2, timeout=60), threading.Event()
        copy, delete_file = backups._copy_database, studio.gallery._delete_file

        def deleted_slowly(file: str, image_id: str) -> None:
            delete_file(file, image_id)
            if not without_file.broken and not backed_up.is_set():
                without_file.wait()
                assert backed_up.wait(60)

        emptying = threading.Thread(target=studio.gallery.empty_bin, args=("local",))

        def copied_and_then(database: Path, target: Path) -> None:
            copy(database, target)
            emptying.start()
            without_file.wait()

        monkeypatch.setattr(studio.gallery, "_delete_file", deleted_slowly)
        monkeypatch.setattr(backups, "_copy_database", copied_and_then)
        try:
            report = back_up(Paths.at(home), tmp_path / "backups")
        finally:
            backed_up.set()
            emptying.join()
    names = {path.name for path in (report.place / "images").rglob("*.png")}
    with closing(sqlite3.connect(report.place / "studio.db")) as reading:
        kept = {Path(file).name for (file,) in reading.execute("SELECT file FROM images").fetchall()}
    assert kept - names == {lost.name}
    assert (report.images, len(names)) == (COUNT - 1, COUNT - 2)


def test_a_drive_that_goes_in_the_middle_makes_no_backup(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, folder = Paths.at(home), tmp_path / "backups"
    whole = back_up(paths, folder, keep=1)
    add, added = backups.Folder.add, []

    def added_until_it_goes(container: backups.Folder, name: str, original: Path) -> Kept:
        if name.startswith("images/") and name.endswith(".png"):
            added.append(name)
            if len(added) == 3:
                paths.images.rename(home.parent / "in a drawer")
                paths.images.mkdir()
        return add(container, name, original)

    monkeypatch.setattr(backups.Folder, "add", added_until_it_goes)
    with pytest.raises(StorageMissing, match="drive missing"):
        back_up(paths, folder, keep=1)
    assert list(folder.iterdir()) == [whole.place]  # neither taken for a newer one, nor taken away for it


def test_a_folder_that_cannot_be_read_makes_no_backup_but_for_the_disks_own(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, scandir = home / "images" / "lost+found", os.scandir
    closed.mkdir()

    def refused(place: str | int) -> object:
        if place == str(closed):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), place)
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refused)
    made = back_up(Paths.at(home), tmp_path / "backups")
    closed = closed.rename(home / "images" / "mine")
    with pytest.raises(StorageError, match="Permission denied"):
        back_up(Paths.at(home), tmp_path / "backups")
    assert backups_in(tmp_path / "backups") == [made.place]


def test_the_next_backup_costs_what_is_new(home: Path, tmp_path: Path, studio_at: StudioAt) -> None:
    paths, folder = Paths.at(home), tmp_path / "backups"
    first = back_up(paths, folder)
    with studio_at(home) as studio:
        add_picture(studio, 90)
    second = back_up(paths, folder)
    assert second.linked_files == first.files - 1  # all but the database
    assert second.files == first.files + 1
    assert second.written_bytes < first.written_bytes
    third = back_up(paths, folder, keep=2)
    assert backups_in(folder) == [second.place, third.place]
    assert len(list((third.place / "images").rglob("*.png"))) == COUNT + 1  # though the first is gone
    (third.place / MANIFEST).write_text("{")
    fourth = back_up(paths, folder)
    assert fourth.linked_files == 0  # nothing is trusted of a damaged one


def test_a_backup_that_breaks_off_is_none(home: Path, tmp_path: Path) -> None:
    paths, folder = Paths.at(home), tmp_path / "backups"
    answers = iter([False, False, True])
    with pytest.raises(Cancelled):
        back_up(paths, folder, stopped=lambda: next(answers))
    assert list(folder.iterdir()) == []
    dying = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom studio.paths import Paths\n"
        "from studio.upkeep.backup import back_up\nasked = []\n"
        "def stopped():\n    asked.append(1)\n    len(asked) == 5 and os.kill(os.getpid(), signal.SIGKILL)\n"
        "back_up(Paths.at(Path(sys.argv[1])), Path(sys.argv[2]), stopped=stopped)"
    )
    arguments = [sys.executable, "-c", dying, str(home), str(folder)]
    assert subprocess.run(arguments, cwd=Path(__file__).parents[2], check=False).returncode == -9
    assert backups_in(folder) == [] and list(folder.iterdir()) != []
    report = back_up(paths, folder)
    assert list(folder.iterdir()) == [report.place]  # what was left behind is gone


def test_a_damaged_picture_is_named_and_a_damaged_database_is_refused(home: Path, tmp_path: Path) -> None:
    report = back_up(Paths.at(home), tmp_path / "backups")
    picture = next((report.place / "images").rglob("*.png"))
    picture.write_bytes(picture.read_bytes()[:-1])
    done = restore(report.place, Paths.at(tmp_path / "new"))
    assert done.damaged == [picture.relative_to(report.place).as_posix()]
    (report.place / "studio.db").write_bytes(b"")
    with pytest.raises(StorageError, match="Restore an earlier backup"):
        restore(report.place, Paths.at(tmp_path / "another"))
    for no_backup in (tmp_path, tmp_path / "gone", picture):
        with pytest.raises(StorageError):
            restore(no_backup, Paths.at(tmp_path / "another"))


def test_a_manifest_cannot_write_outside_of_the_home(home: Path, tmp_path: Path) -> None:
    report = back_up(Paths.at(home), tmp_path / "backups")
    manifest = report.place / MANIFEST
    manifest.write_text(manifest.read_text().replace('"settings.toml"', '"../outside.toml"'))
    with pytest.raises(StorageError, match="outside of a home"):
        restore(report.place, Paths.at(tmp_path / "new"))


def test_restoring_over_a_studio_moves_things_aside_and_loses_no_picture(
    home: Path, tmp_path: Path, studio_at: StudioAt
) -> None:
    back_up(Paths.at(home), tmp_path / "backups")
    with studio_at(home) as studio:
        newer = add_picture(studio, 90)
        studio.accounts.set_password("anna", "another password")
        with pytest.raises(SetupError):
            restore(tmp_path / "backups", Paths.at(home), replace=True)
    (home / "settings.toml").write_text("max_count = 44\n")
    with pytest.raises(Conflict, match="--replace"):
        restore(tmp_path / "backups", Paths.at(home))
    done = restore(tmp_path / "backups", Paths.at(home), replace=True)
    assert done.aside is not None
    assert sorted(path.name for path in done.aside.iterdir()) == ["settings.toml", "studio.db"]
    with studio_at(home) as studio:
        assert studio.settings.max_count == 33
        assert studio.accounts.log_in("anna", PASSWORD, "here").name == "anna"
        assert studio.gallery.get("local", newer).prompt == "walrus 90"


def test_places_that_cannot_be(home: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match="inside the home"):
        back_up(Paths.at(home), home / "backups")
    with pytest.raises(StorageError, match="nothing to back up"):
        back_up(Paths.at(tmp_path / "empty"), tmp_path / "backups")
    shutil.rmtree(home / "images")
    (home / "images").mkdir()
    with pytest.raises(StorageMissing):
        back_up(Paths.at(home), tmp_path / "backups")


def test_images_on_another_drive_are_in_the_backup(home: Path, tmp_path: Path) -> None:
    (home / "images").rename(tmp_path / "drive")
    (home / "images").symlink_to(tmp_path / "drive")
    report = back_up(Paths.at(home), tmp_path / "backups")
    assert len(list((report.place / "images").rglob("*.png"))) == COUNT


def test_the_commands(home: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    made = run(command_line, ["backup", str(tmp_path / "b.zip"), "--home", str(home)])
    assert made.exit_code == 0 and f"{COUNT} of them pictures" in made.output
    assert (tmp_path / "b.zip").stat().st_mode & 0o077 == 0
    back = run(command_line, ["restore", str(tmp_path / "b.zip"), "--home", str(tmp_path / "new")])
    assert back.exit_code == 0 and "files were restored" in back.output
    assert isinstance(run(command_line, ["backup", "--home", str(home)]).exception, InvalidField)


def test_admins_back_up_over_http_and_by_the_clock(
    home: Path, tmp_path: Path, studio_at: StudioAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "backups"
    with studio_at(home, backup_folder=folder, backup_hours=5, backup_keep=2) as studio:
        studio.accounts.add("ben", "member", PASSWORD)
        headers = {
            name: {
                "Authorization": f"Bearer {studio.accounts.keys.make(studio.accounts.people.get(name).id, 'x').secret}"
            }
            for name in ("anna", "ben")
        }
        client = TestClient(create_app(studio, page=False), base_url="http://localhost:7860")

        def told() -> dict[str, object]:
            return dict(client.get("/api/v1/backups", headers=headers["anna"]).json())

        assert client.post("/api/v1/backups", headers=headers["ben"]).status_code == 403
        assert client.get("/api/v1/backups", headers=headers["ben"]).status_code == 403
        studio.caretaker.start()
        wait_for(lambda: len(told()["backups"]) == 1)  # none was there, so one was due
        wait_for(lambda: not told()["running"])
        answered = threading.Event()

        def backed_up_then(*arguments: object) -> backups.Report:
            assert answered.wait(60)
            return back_up(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(caretaker, "back_up", backed_up_then)
        answer = client.post("/api/v1/backups", headers=headers["anna"])
        answered.set()
        assert (answer.status_code, answer.json()["running"]) == (202, True)
        wait_for(lambda: len(told()["backups"]) == 2 and not told()["running"])
        assert told()["folder"] == str(folder) and "pictures" in str(told()["last"])
        shutil.rmtree(folder)
        folder.write_text("no folder")
        client.post("/api/v1/backups", headers=headers["anna"])
        wait_for(lambda: told()["problem"])
        notices = client.get("/api/v1/status", headers=headers["anna"]).json()["notices"]
        assert "The last backup failed" in notices[0]["text"]
    with studio_at(home) as studio:
        client = TestClient(create_app(studio, page=False), base_url="http://localhost:7860")
        refused = client.post("/api/v1/backups", headers=headers["anna"])
        assert (refused.status_code, "backup_folder" in refused.json()["error"]["message"]) == (409, True)


def test_restarts_neither_delay_nor_repeat_a_backup(home: Path, tmp_path: Path, studio_at: StudioAt) -> None:
    made = back_up(Paths.at(home), tmp_path / "backups").place
    with studio_at(home, backup_folder=tmp_path / "backups", backup_hours=5) as studio:
        assert not studio.caretaker._is_due()
        os.utime(made, (0, made.stat().st_mtime - 5 * 3600 - 1))
        assert studio.caretaker._is_due()
        os.utime(made, (0, time.time() + 365 * 24 * 3600))  # by a clock that has been set right since
        assert studio.caretaker._is_due()


def test_a_clock_that_is_set_back_costs_no_newer_backup(home: Path, tmp_path: Path) -> None:
    paths, folder = Paths.at(home), tmp_path / "backups"
    ahead = back_up(paths, folder, keep=2).place
    ahead = ahead.rename(folder / "2999-01-01_000000")
    for number in range(2, 12):
        made = back_up(paths, folder, keep=2).place
        assert made.name == f"2999-01-01_000000-{number}" and backups_in(folder)[-1] == made
    assert len(backups_in(folder)) == 2


def test_one_that_is_asked_for_while_another_is_made_is_told_to_be_coming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = BackupPlan(tmp_path, 0, 0)
    keeper = caretaker.Caretaker(Paths.at(tmp_path / "home"), None, plan)  # type: ignore[arg-type]
    told: list[object] = []
    wait = keeper._wake.wait

    def asked_again(*_: object) -> str:
        if not told:
            keeper.ask_for_backup()
            told.append("first")
        return "a report"

    def waited(timeout_s: float) -> bool:
        told.append(keeper.describe()["running"])
        return wait(timeout_s)

    monkeypatch.setattr(caretaker, "back_up", asked_again)
    monkeypatch.setattr(keeper._wake, "wait", waited)
    keeper.ask_for_backup()
    keeper.start()
    wait_for(lambda: len(told) >= 3)
    keeper.close()
    assert told[:3] == ["first", True, False]
