"""Adding, paging, marking, the bin, thumbnails, and whose pictures they are."""

from __future__ import annotations

import json
import re
import threading
from datetime import datetime, timezone

import pytest
from PIL import Image as Pillow

from studio.errors import InvalidField, NotFound, StorageError
from studio.gallery import Gallery, Image
from studio.paths import Paths
from studio.store.tables import OwnerRow
from tests.gallery.pictures import NOTES, fill_rows, pixels, recipe


def add(gallery: Gallery, index: int = 0, job_id: str = "job", owner: str = "local", prompt: str = "a cat") -> Image:
    return gallery.add(pixels(index), recipe(prompt).for_picture(index), NOTES, owner, job_id, index)


def files(paths: Paths) -> list[str]:
    return sorted(path.name for path in paths.images.rglob("*") if path.is_file())


def test_a_picture_is_kept_with_everything_about_it(gallery: Gallery) -> None:
    image = add(gallery, 3)
    assert gallery.get("local", image.id) == image
    assert image.recipe == recipe().for_picture(3)
    assert (image.seed, image.steps, image.sampler, image.checkpoint) == (45, 20, "DPM++ 2M", "starter")
    assert image.notes == NOTES
    assert image.infotext.startswith("a cat\nNegative prompt: blurry\nSteps: 20, ")
    assert (image.job_id, image.index, image.owner, image.favourite) == ("job", 3, "local", False)
    assert abs((datetime.now(timezone.utc) - image.created_at).total_seconds()) < 60
    json.dumps(image.as_dict())


def test_the_file_holds_pixels_and_metadata_and_has_a_speaking_name(gallery: Gallery) -> None:
    image = add(gallery)
    path = gallery.file("local", image.id)
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d/\d{{6}}-42-{image.id}\.png", image.file)
    with Pillow.open(path) as picture:
        assert picture.tobytes() == pixels(0).data
        assert picture.text["parameters"] == image.infotext
        assert json.loads(picture.text["latent-studio"])["notes"] == NOTES
        assert json.loads(picture.text["latent-studio-image"])["id"] == image.id


def test_adding_the_same_picture_again_answers_the_first(gallery: Gallery, paths: Paths) -> None:
    assert add(gallery) == add(gallery)
    assert gallery.list("local").total == 1
    assert len(files(paths)) == 1


def test_another_picture_under_a_job_id_used_before_is_a_new_one(gallery: Gallery) -> None:
    first, second = add(gallery, prompt="a cat"), add(gallery, prompt="a dog")
    assert gallery.get("local", first.id).job_id is None
    assert gallery.get("local", second.id).job_id == "job"
    assert {image.prompt for image in gallery.list("local").images} == {"a cat", "a dog"}


def test_nobody_to_keep_it_for(gallery: Gallery, paths: Paths) -> None:
    with pytest.raises(NotFound, match="nobody"):
        add(gallery, owner="nobody")
    assert files(paths) == []


def test_many_threads_add_the_same_and_different_pictures(gallery: Gallery, paths: Paths) -> None:
    kept: list[tuple[int, str]] = []

    def adding() -> None:
        for index in range(8):
            kept.append((index, add(gallery, index).id))

    threads = [threading.Thread(target=adding) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) == 48
    assert len(set(kept)) == 8  # every thread got the same image for the same picture
    assert len(files(paths)) == gallery.list("local").total == 8


def test_pages_are_newest_first_and_hold_still(gallery: Gallery) -> None:
    images = [add(gallery, index) for index in range(7)]
    newest_first = [image.id for image in reversed(images)]
    page = gallery.list("local", limit=3)
    assert [image.id for image in page.images] == newest_first[:3]
    assert page.total == 7
    add(gallery, 7)  # arrives while somebody pages
    gallery.bin("local", [newest_first[2]])  # the very picture that the cursor names goes
    seen = []
    while page.next:
        page = gallery.list("local", before=page.next, limit=3)
        seen += [image.id for image in page.images]
    assert seen == newest_first[3:]


def test_pictures_of_the_same_moment_are_paged_once_each(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime(2026, 1, 1, tzinfo=timezone.utc)

    monkeypatch.setattr("studio.gallery.identity.datetime", Stopped)
    ids = {add(gallery, index).id for index in range(5)}
    seen: list[str] = []
    page = gallery.list("local", limit=1)
    seen += [image.id for image in page.images]
    while page.next:
        page = gallery.list("local", before=page.next, limit=1)
        seen += [image.id for image in page.images]
    assert len(seen) == 5
    assert set(seen) == ids


@pytest.mark.parametrize("before", ["", "x", "1e9-a", "9" * 40 + "-a", "'; DROP TABLE images"])
def test_a_place_that_no_page_named_is_refused(gallery: Gallery, before: str) -> None:
    with pytest.raises(InvalidField, match="before"):
        gallery.list("local", before=before)


@pytest.mark.parametrize("limit", [0, -1, 10_001])
def test_a_limit_out_of_range_is_refused(gallery: Gallery, limit: int) -> None:
    with pytest.raises(InvalidField, match="limit"):
        gallery.list("local", limit=limit)


def test_favourites(gallery: Gallery) -> None:
    image, _other = add(gallery, 0), add(gallery, 1)
    gallery.favourite("local", image.id, True)
    assert [found.id for found in gallery.list("local", favourites=True).images] == [image.id]
    gallery.favourite("local", image.id, False)
    assert gallery.list("local", favourites=True).total == 0


def test_500_pictures_go_into_the_bin_and_come_back(gallery: Gallery) -> None:
    ids = fill_rows(gallery.database, 501)
    assert gallery.bin("local", ids) == 501
    assert (gallery.list("local").total, gallery.list("local", binned=True).total) == (0, 501)
    assert gallery.bin("local", ids) == 0
    assert gallery.restore("local", ids) == 501
    assert (gallery.list("local").total, gallery.list("local", binned=True).total) == (501, 0)


def test_binning_is_all_or_nothing(gallery: Gallery) -> None:
    image = add(gallery)
    with pytest.raises(NotFound, match="Nothing was changed"):
        gallery.bin("local", [image.id, "f" * 32])
    assert gallery.get("local", image.id).binned_at is None


def test_emptying_the_bin_deletes_files_and_thumbnails(gallery: Gallery, paths: Paths) -> None:
    binned, kept = add(gallery, 0), add(gallery, 1)
    gallery.bin("local", [binned.id])
    assert gallery.file("local", binned.id).is_file()
    assert gallery.empty_bin("local") == 1
    assert files(paths) == [kept.file.split("/")[1]]
    assert [path.stem for path in paths.thumbnails.rglob("*.webp")] == [kept.id]
    with pytest.raises(NotFound):
        gallery.get("local", binned.id)
    assert gallery.empty_bin("local") == 0


def test_somebody_elses_picture_does_not_exist(gallery: Gallery) -> None:
    with gallery.database.session() as session:
        session.add(OwnerRow(id="anna", name="Anna", created_at=datetime.now(timezone.utc)))
    hers, mine = add(gallery, 0, owner="anna", job_id="a"), add(gallery, 0, job_id="b")
    for refused in (
        lambda: gallery.get("local", hers.id),
        lambda: gallery.file("local", hers.id),
        lambda: gallery.thumbnail("local", hers.id),
        lambda: gallery.favourite("local", hers.id, True),
        lambda: gallery.bin("local", [mine.id, hers.id]),
        lambda: gallery.restore("local", [hers.id]),
    ):
        with pytest.raises(NotFound):
            refused()
    assert [image.id for image in gallery.list("local", query="cat").images] == [mine.id]
    gallery.bin("anna", [hers.id])
    assert gallery.empty_bin("local") == 0
    assert gallery.file("anna", hers.id).is_file()


def test_thumbnails_are_made_on_adding_and_again_when_missing(gallery: Gallery) -> None:
    image = gallery.add(pixels(0, 640, 256), recipe(), {}, "local", "job", 0)
    path = gallery.thumbnails.path(image.id)
    assert path.is_file()
    path.unlink()
    assert gallery.thumbnail("local", image.id) == path
    with Pillow.open(path) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("WEBP", (320, 128))


def test_a_file_that_somebody_moved_or_damaged_is_said_in_words(gallery: Gallery) -> None:
    image = add(gallery)
    path = gallery.file("local", image.id)
    gallery.thumbnails.path(image.id).unlink()
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(StorageError, match=path.name):
        gallery.thumbnail("local", image.id)
    path.unlink()
    with pytest.raises(NotFound, match=path.name):
        gallery.file("local", image.id)


def test_a_recipe_of_an_older_studio_still_fills_the_form(gallery: Gallery) -> None:
    image = add(gallery)
    from studio.store.tables import ImageRow

    with gallery.database.session() as session:
        row = session.query(ImageRow).one()
        row.recipe = {name: value for name, value in (row.recipe or {}).items() if name != "noise"}
    old = gallery.get("local", image.id)
    assert old.recipe is None
    filled = old.to_recipe()
    assert filled is not None
    assert (filled.prompt, filled.seed, filled.guidance_scale) == ("a cat", 42, 7.1)
