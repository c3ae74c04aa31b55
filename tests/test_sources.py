"""Source pictures are taken in once, checked, and kept as upright 8-bit PNGs."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.errors import InvalidField, NotFound, StorageError
from studio.sources import Sources
from studio.store import Blobs


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(Blobs(tmp_path))


def png(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def noise(size: tuple[int, int], channels: int = 3) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8))


def test_a_plain_png_is_kept_byte_for_byte(sources: Sources) -> None:
    data = png(noise((5, 3)))
    source = sources.put_picture(data)
    assert sources.path(source.sha256).read_bytes() == data
    assert sources.get(source.sha256) == source
    assert (source.width_px, source.height_px, source.has_alpha, source.notes) == (5, 3, False, ())


def test_a_turned_photo_is_kept_upright_and_says_so(sources: Sources) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    noise((8, 4)).save(file, "JPEG", exif=exif)
    source = sources.put_picture(file.getvalue())
    assert (source.width_px, source.height_px) == (4, 8)
    assert any("upright" in note for note in source.notes)
    with Image.open(sources.path(source.sha256)) as kept:
        assert (kept.format, kept.size) == ("PNG", (4, 8))


def test_transparency_is_noticed_only_where_there_is_some(sources: Sources) -> None:
    clear = noise((4, 4), 4)
    assert sources.facts(sources.put_picture(png(clear)).sha256).has_alpha
    clear.putalpha(255)
    assert not sources.facts(sources.put_picture(png(clear)).sha256).has_alpha


@pytest.mark.parametrize(
    ("level", "is_black", "is_white"), [(0, True, False), (127, True, False), (128, False, True), (255, False, True)]
)
def test_a_mask_of_one_level_is_known_as_such(sources: Sources, level: int, is_black: bool, is_white: bool) -> None:
    facts = sources.facts(sources.put_mask(png(Image.new("L", (6, 2), level))).sha256)
    assert (facts.width_px, facts.height_px) == (6, 2)
    assert (facts.is_black, facts.is_white) == (is_black, is_white)


def test_a_mask_of_both_is_neither(sources: Sources) -> None:
    mask = Image.new("L", (6, 2))
    mask.putpixel((1, 1), 255)
    facts = sources.facts(sources.put_mask(png(mask)).sha256)
    assert not facts.is_black and not facts.is_white


def test_what_is_no_picture_is_refused_and_nothing_is_kept(sources: Sources, tmp_path: Path) -> None:
    for data in (b"", b"hello", png(noise((50, 50)))[:900]):
        with pytest.raises(InvalidField, match="source"):
            sources.put_picture(data)
        with pytest.raises(InvalidField, match="mask"):
            sources.put_mask(data)
    assert list(tmp_path.rglob("*.*")) == []


def test_a_source_that_is_gone_or_damaged_is_said(sources: Sources) -> None:
    with pytest.raises(NotFound, match="Choose it again"):
        sources.facts("0" * 64)
    digest = sources.put_picture(png(noise((9, 9)))).sha256
    sources.facts(digest)
    path = sources.path(digest)
    path.unlink()
    with pytest.raises(NotFound):
        sources.facts(digest)
    other = sources.put_picture(png(noise((9, 8)))).sha256
    sources.path(other).write_bytes(b"\x89PNG damaged")
    with pytest.raises(StorageError, match="damaged"):
        sources.facts(other)
