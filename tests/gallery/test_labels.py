"""Tags and albums are found again, keep to their owner, and go with their pictures."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image as Pillow

from studio.errors import Conflict, InvalidField, NotFound
from studio.gallery import Gallery
from studio.gallery.bundles import contact_sheet, zipped
from tests.gallery.pictures import fill_rows, pixels, recipe


def test_tags(gallery: Gallery) -> None:
    ids = fill_rows(gallery.database, 1200)
    labels = gallery.labels
    labels.tag("local", ids, ["Sky ", "sea"])
    labels.tag("local", ids[:3], ["sky"], ["sea"])  # again is harmless
    assert labels.tags("local") == {"sea": 1197, "sky": 1200}
    assert gallery.list("local", search="tag:SKY -tag:sea").total == 3
    assert labels.of_image("local", ids[0]) == {"tags": ["sky"], "albums": []}
    gallery.bin("local", ids[:2])
    assert labels.tags("local")["sky"] == 1198
    for wrong in ("", " ", 'a "quote"', "x" * 61):
        with pytest.raises(InvalidField, match="1 to 60"):
            labels.tag("local", ids, [wrong])
    with pytest.raises(NotFound, match="Nothing was changed"):
        labels.tag("local", [*ids, "f" * 32], ["new"])
    assert "new" not in labels.tags("local")
    with pytest.raises(NotFound):
        labels.tag("somebody", ids, ["mine"])


def test_albums(gallery: Gallery) -> None:
    ids = fill_rows(gallery.database, 20)
    labels = gallery.labels
    album = labels.new_album("local", "Best of")
    with pytest.raises(Conflict, match="already"):
        labels.new_album("local", "best OF")
    labels.fill_album("local", album.id, add=ids[:5])
    labels.fill_album("local", album.id, add=ids[3:7], remove=ids[:1])
    assert [one.as_dict() for one in labels.albums("local")] == [{"id": album.id, "name": "Best of", "count": 6}]
    assert {image.id for image in gallery.list("local", search='album:"best of"').images} == set(ids[1:7])
    labels.rename_album("local", album.id, "Best Of All")
    assert labels.of_image("local", ids[1])["albums"] == ["Best Of All"]
    assert labels.albums("somebody") == []
    with pytest.raises(NotFound):
        labels.fill_album("somebody", album.id, add=[])
    labels.delete_album("local", album.id)
    assert labels.albums("local") == [] and gallery.list("local").total == 20


def test_labels_go_with_a_picture_that_is_deleted_for_good(gallery: Gallery) -> None:
    image = gallery.add(pixels(), recipe(), {}, "local", "job", 0)
    album = gallery.labels.new_album("local", "One")
    gallery.labels.tag("local", [image.id], ["sky"])
    gallery.labels.fill_album("local", album.id, add=[image.id])
    gallery.rebuild()
    assert gallery.labels.of_image("local", image.id) == {"tags": ["sky"], "albums": ["One"]}
    gallery.bin("local", [image.id])
    gallery.empty_bin("local")
    assert gallery.labels.tags("local") == {} and gallery.labels.albums("local")[0].count == 0


def test_a_picture_that_is_deleted_at_its_turn_breaks_no_zip(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [gallery.add(pixels(n, 64, 32), recipe(), {}, "local", "job", n) for n in range(2)]
    first, second = (gallery.file("local", image.id) for image in images)
    opened = Path.open

    def opened_and_deleted(file: Path, mode: str = "r") -> object:
        handle = opened(file, mode)
        first.unlink(missing_ok=True)
        return handle

    monkeypatch.setattr(Path, "open", opened_and_deleted)
    with zipfile.ZipFile(io.BytesIO(b"".join(zipped([first, second])))) as bundle:
        assert bundle.testzip() is None and second.name in bundle.namelist()


def test_a_zip_holds_the_very_files_and_a_sheet_all_pictures(gallery: Gallery) -> None:
    images = [gallery.add(pixels(n, 64, 32), recipe(), {}, "local", "job", n) for n in range(5)]
    files = [gallery.file("local", image.id) for image in images]
    gone = files[0].with_name("gone.png")
    with zipfile.ZipFile(io.BytesIO(b"".join(zipped([*files, gone])))) as bundle:
        assert bundle.testzip() is None
        assert {name: bundle.read(name) for name in bundle.namelist()} == {f.name: f.read_bytes() for f in files}
    data = contact_sheet([(gallery.thumbnail("local", image.id), "42 Euler a" * 9) for image in images])
    with Pillow.open(io.BytesIO(data)) as sheet:
        assert sheet.format == "JPEG" and sheet.width > sheet.height  # three columns, two rows
    for make in (zipped, contact_sheet):
        with pytest.raises(InvalidField, match="do not fit"):
            make([])
