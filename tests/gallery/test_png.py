"""PNG files tell their text, and whether they are whole; Pillow is the independent reader."""

from __future__ import annotations

import hashlib
import io
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image as Pillow
from PIL import ImageChops
from PIL.PngImagePlugin import PngInfo

from studio.gallery import png
from studio.recipe.events import Pixels
from tests.gallery.pictures import pixels

TEXT = {"parameters": "a cat, 猫 \U0001f431\nSteps: 20", "plain": "ascii only", "latin": "café"}


def test_another_program_reads_pixels_and_text(tmp_path: Path) -> None:
    picture = pixels(1, 40, 24)
    (tmp_path / "a.png").write_bytes(png.encode(picture, TEXT))
    with Pillow.open(tmp_path / "a.png") as read:
        assert read.size == (40, 24)
        assert read.tobytes() == picture.data
        assert read.text == TEXT


def test_alpha_is_kept_in_the_file(tmp_path: Path) -> None:
    picture = pixels(1, 40, 24)
    alpha = bytes(range(240)) * 4
    (tmp_path / "a.png").write_bytes(png.encode(replace(picture, alpha=alpha), TEXT))
    with Pillow.open(tmp_path / "a.png") as read:
        assert read.mode == "RGBA" and read.text == TEXT
        assert read.getchannel("A").tobytes() == alpha
        assert b"".join(bytes(pixel[:3]) for pixel in read.get_flattened_data()) == picture.data


def test_large_pictures_are_written_in_a_fraction_of_the_usual_time() -> None:
    """At a tenth of the processor's time of Pillow's default for pictures with grain; a half leaves room for noise."""
    side_px = 1024
    soft = Pillow.radial_gradient("L").resize((side_px, side_px))
    grain = Pillow.effect_noise((side_px, side_px), 6)
    picture = Pillow.merge("RGB", [ImageChops.add(soft, grain, scale=2)] * 3)

    def seconds(write: Callable[[], object]) -> float:
        began = time.process_time()
        write()
        return time.process_time() - began

    ours = min(seconds(lambda: png.encode(Pixels(side_px, side_px, picture.tobytes()), {})) for _ in range(3))
    usual = min(seconds(lambda: picture.save(io.BytesIO(), "PNG")) for _ in range(3))
    assert ours < usual / 2


def test_reads_what_it_wrote(tmp_path: Path) -> None:
    data = png.encode(pixels(1, 40, 24), TEXT)
    (tmp_path / "a.png").write_bytes(data)
    assert png.read(tmp_path / "a.png") == png.PngFile(40, 24, TEXT, hashlib.sha256(data).hexdigest())


def test_reads_compressed_texts_of_others(tmp_path: Path) -> None:
    chunks = PngInfo()
    chunks.add_text("old", "café " * 100, zip=True)
    chunks.add_itxt("new", "猫 " * 100, lang="ja", tkey="新", zip=True)
    Pillow.new("L", (3, 5)).save(tmp_path / "a.png", pnginfo=chunks)
    read = png.read(tmp_path / "a.png")
    assert (read.width_px, read.height_px) == (3, 5)
    assert read.text == {"old": "café " * 100, "new": "猫 " * 100}


def test_a_text_that_unfolds_without_end_is_refused(tmp_path: Path) -> None:
    bomb = b"bomb\0\0" + zlib.compress(b"0" * (png.MAX_TEXT_BYTES + 1))
    chunks = PngInfo()
    chunks.add(b"zTXt", bomb)
    Pillow.new("L", (3, 5)).save(tmp_path / "a.png", pnginfo=chunks)
    with pytest.raises(png.DamagedPng, match="more than 16 MB"):
        png.read(tmp_path / "a.png")


def test_a_cut_at_any_byte_is_noticed(tmp_path: Path) -> None:
    data = png.encode(pixels(1, 8, 8), {"parameters": "x"})
    for length in range(len(data)):
        (tmp_path / "a.png").write_bytes(data[:length])
        with pytest.raises(png.DamagedPng):
            png.read(tmp_path / "a.png")


def test_a_change_of_any_byte_is_noticed(tmp_path: Path) -> None:
    data = png.encode(pixels(1, 8, 8), {"parameters": "x"})
    for place in range(len(data)):
        (tmp_path / "a.png").write_bytes(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :])
        with pytest.raises(png.DamagedPng):
            png.read(tmp_path / "a.png")
