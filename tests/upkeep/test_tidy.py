"""Tidying takes away what nobody needs, and nothing that a job, a picture or a form may name."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from studio.cli.app import app as command_line
from studio.errors import NotFound
from studio.recipe import Recipe
from studio.services import Studio
from studio.store import Blobs
from studio.store.tables import ImageRow
from studio.upkeep.tidy import Tidying
from tests.upkeep.conftest import COUNT, PASSWORD, StudioAt, add_picture, upload

LONG_AGO_S = time.time() - 100 * 24 * 3600


def age(file: Path) -> Path:
    os.utime(file, (LONG_AGO_S, LONG_AGO_S))
    return file


def binned_long_ago(studio: Studio, image_id: str) -> None:
    when = datetime.now(timezone.utc) - timedelta(days=100)
    with studio.database.session() as session:
        session.execute(update(ImageRow).where(ImageRow.id == image_id).values(binned_at=when))


def tidying(studio: Studio, bin_days: int = 30, unused_days: int = 30) -> Tidying:
    return Tidying(studio.gallery, studio.paths, bin_days, unused_days)


def kinds(tidy: Tidying) -> list[str]:
    return [one.kind for one in tidy.look().litter]


def test_a_home_in_order_loses_nothing(home: Path, studio_at: StudioAt) -> None:
    for file in home.rglob("*"):
        if file.is_file():
            age(file)
    before = {file for file in home.rglob("*") if "studio." not in file.name}
    with studio_at(home) as studio:
        (waiting,) = (file for file in studio.paths.blobs.rglob("*") if file.is_file())  # a queued job names it
        assert tidying(studio).clean().litter == ()
        assert waiting.is_file()
    assert {file for file in home.rglob("*") if "studio." not in file.name} >= before


def test_the_bin_goes_by_days_and_never_without_a_rule(home: Path, studio_at: StudioAt) -> None:
    with studio_at(home) as studio:
        (old,) = studio.gallery.list("local", binned=True).images
        young = studio.gallery.list("local").images[0].id
        studio.gallery.bin("local", [young])
        binned_long_ago(studio, old.id)
        file = studio.gallery.file("local", old.id)
        assert kinds(tidying(studio, bin_days=0)) == [] == kinds(tidying(studio, bin_days=101))
        looked = tidying(studio).look()
        assert [one.file for one in looked.litter] == [file] and file.is_file()  # looking deletes nothing
        assert tidying(studio).clean() == looked
        assert not file.exists() and studio.gallery.get("local", young)
        with pytest.raises(NotFound):
            studio.gallery.get("local", old.id)
        assert studio.gallery.list("local").total + studio.gallery.list("local", binned=True).total == COUNT - 1


def test_what_was_taken_out_of_the_bin_in_the_last_moment_stays(home: Path, studio_at: StudioAt) -> None:
    with studio_at(home) as studio:
        (old,) = studio.gallery.list("local", binned=True).images
        binned_long_ago(studio, old.id)
        tidy = tidying(studio)
        looked = tidy.look()
        tidy.look = lambda: looked  # type: ignore[method-assign]
        studio.gallery.restore("local", [old.id])
        assert tidy.clean().litter == ()
        assert studio.gallery.file("local", old.id).is_file()


def test_an_upload_goes_when_it_is_old_and_nothing_names_it(home: Path, studio_at: StudioAt) -> None:
    with studio_at(home) as studio:
        unused, young, in_a_picture, in_a_cancelled_job = (
            upload(studio, one) for one in ("blue", "green", "pink", "tan")
        )
        recipe = studio.resolve(Recipe(prompt="x", mode="image", source=in_a_picture, steps=2))
        image = studio.gallery.add(pixels(), recipe, {}, "local", "other", 0)
        studio.submit(Recipe(prompt="x", mode="image", source=in_a_cancelled_job, steps=2), 1, "local", "off")
        studio.cancel("off")
        for sha256 in (unused, in_a_picture, in_a_cancelled_job):
            age(studio.sources.path(sha256))
        assert [one.name for one in tidying(studio).look().litter] == [unused]
        assert kinds(tidying(studio, unused_days=0)) == []
        tidying(studio).clean()
        with pytest.raises(NotFound):
            studio.sources.get(unused)
        for sha256 in (young, in_a_picture, in_a_cancelled_job):
            assert studio.sources.get(sha256).width_px == 64
        assert studio.gallery.get("local", image.id)


def test_an_upload_that_somebody_looks_at_is_in_a_form_and_stays(home: Path, studio_at: StudioAt) -> None:
    with studio_at(home) as studio:
        sha256 = upload(studio, "blue")
        for look in (studio.sources.facts, studio.sources.facts, studio.sources.path):
            age(studio.paths.blobs / sha256[:2] / sha256)
            assert kinds(tidying(studio)) == ["upload"]
            look(sha256)  # as the page does when it is opened
            assert kinds(tidying(studio)) == []
        age(studio.paths.blobs / sha256[:2] / sha256)
        tidy = tidying(studio)
        looked = tidy.look()
        tidy.look = lambda: looked  # type: ignore[method-assign]
        upload(studio, "blue")  # the same bytes again, in the last moment
        assert tidy.clean().litter == ()
        assert studio.sources.get(sha256)


@pytest.mark.parametrize("comes", ["named", "discarded"])
def test_an_upload_that_comes_again_while_it_is_tidied_away_is_whole_and_ones_own(
    home: Path, studio_at: StudioAt, monkeypatch: pytest.MonkeyPatch, comes: str
) -> None:
    """Between the look for its name and the deletion, and between the deletion and that of its owners."""
    with studio_at(home) as studio:
        ben = studio.accounts.add("ben", "member", PASSWORD).id
        sha256 = upload(studio, "blue", ben)
        age(studio.paths.blobs / sha256[:2] / sha256)
        tidy = tidying(studio)
        looked, named, discard = tidy.look(), tidy._named, Blobs.discard

        def named_and_then() -> set[str]:
            found = named()
            upload(studio, "blue", ben)
            return found

        def discarded_and_then(blobs: Blobs, digest: str, is_unused: Callable[[Path], bool]) -> bool:
            is_gone = discard(blobs, digest, is_unused)
            upload(studio, "blue", ben)
            return is_gone

        monkeypatch.setattr(tidy, "look", lambda: looked)
        if comes == "named":
            monkeypatch.setattr(tidy, "_named", named_and_then)
        else:
            monkeypatch.setattr(Blobs, "discard", discarded_and_then)
        tidy.clean()
        assert studio.sources.get(sha256).width_px == 64
        studio.belongings.check(ben, sha256)


def test_a_source_that_goes_while_an_order_looks_at_it_is_refused_and_not_queued(
    home: Path, studio_at: StudioAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    with studio_at(home) as studio:
        sha256 = upload(studio, "blue")
        studio.sources.facts(sha256)  # known by now

        def touched_too_late(blobs: Blobs, digest: str) -> None:
            blobs._path(digest).unlink(missing_ok=True)

        monkeypatch.setattr(Blobs, "touch", touched_too_late)
        with pytest.raises(NotFound, match="Choose it again"):
            studio.submit(Recipe(prompt="x", mode="image", source=sha256, steps=2), job_id="late")
        assert [job.id for job in studio.jobs()] == ["waiting"]


def test_thumbnails_half_files_and_downloads(home: Path, studio_at: StudioAt, monkeypatch: pytest.MonkeyPatch) -> None:
    with studio_at(home) as studio:
        gone = add_picture(studio, 50)
        thumbnail = studio.gallery.thumbnail("local", gone)
        copy = shutil.copy(thumbnail, thumbnail.parent / "kept")
        studio.gallery.bin("local", [gone])
        studio.gallery.empty_bin("local")
        shutil.move(copy, thumbnail)
        studio.paths.models.mkdir(exist_ok=True)
        dead = studio.paths.images / ".a.png.999999999-ab.part"
        alive = studio.paths.images / f".b.png.{os.getpid()}-ab.part"
        download = studio.paths.models / ".model.safetensors.0123456789ab.part"
        new_download = studio.paths.models / ".other.safetensors.0123456789ab.part"
        for file in (dead, alive, download, new_download):
            file.write_bytes(b"half")
        assert kinds(tidying(studio)) == []  # all of it is young
        for file in (dead, download, thumbnail):
            age(file)
        os.utime(alive, (time.time() - 2 * 24 * 3600,) * 2)
        with_process = [one.file for one in tidying(studio).look().litter]
        assert {dead, download, thumbnail} <= set(with_process) and new_download not in with_process
        tidy = tidying(studio)
        looked = tidy.look()
        monkeypatch.setattr(tidy, "look", lambda: looked)
        os.utime(download)  # somebody goes on with it in the last moment
        tidy.clean()
        assert not dead.exists() and download.exists() and not thumbnail.exists()
        age(download)
        tidying(studio).clean()
        assert not download.exists()


def test_the_command_says_first_and_deletes_then(home: Path, studio_at: StudioAt) -> None:
    with studio_at(home) as studio:
        sha256 = upload(studio, "blue")
        file = age(studio.sources.path(sha256))
    said = CliRunner().invoke(command_line, ["tidy", "--dry-run", "--home", str(home)])
    assert str(file) in said.output and file.exists()
    done = CliRunner().invoke(command_line, ["tidy", "--home", str(home)])
    assert done.output == said.output and not file.exists()
    again = CliRunner().invoke(command_line, ["tidy", "--home", str(home)])
    assert again.output == "There is nothing to tidy.\n"


def pixels() -> object:
    from studio.recipe.events import Pixels

    return Pixels(64, 64, bytes(64 * 64 * 3))
