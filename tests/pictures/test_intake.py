"""Every odd file works or is refused with one clear sentence."""

from __future__ import annotations

import contextlib
import random
import warnings

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms, ImageFile, ImageOps

from studio.errors import InvalidField
from studio.pictures import Picture, mask_png, read_mask, read_picture, to_png
from tests.pictures.files import deep_png, gamma_profile, png, ramp, saved

RGB = ramp()
IMAGE = Pillow.fromarray(RGB)
FORMATS = ["PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "TIFF"]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def refused(data: bytes) -> str:
    with pytest.raises(InvalidField) as caught:
        read_picture(data)
    assert caught.value.field == "source" and caught.value.allowed
    assert "\n" not in str(caught.value)
    return str(caught.value)


def distance(picture: Picture, rgb: np.ndarray = RGB) -> float:  # type: ignore[type-arg]
    return float(np.abs(picture.rgb.astype(int) - rgb).mean())


@pytest.mark.parametrize("format_", FORMATS)
def test_each_format_is_read(format_: str) -> None:
    answer = read_picture(saved(IMAGE, format_))
    assert distance(answer.picture) < 4 and answer.picture.alpha is None and answer.notes == ()


@pytest.mark.parametrize("format_", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_are_read_exactly(format_: str) -> None:
    assert np.array_equal(read_picture(saved(IMAGE, format_)).picture.rgb, RGB)


@pytest.mark.parametrize("format_", FORMATS)
def test_a_file_cut_in_half_is_called_damaged(format_: str) -> None:
    data = saved(IMAGE, format_)
    assert "damaged or cut off" in refused(data[: len(data) // 2])


@pytest.mark.parametrize("data", [b"hello " * 50, b"%PDF-1.4", saved(IMAGE, "ICO"), saved(IMAGE, "JPEG2000")])
def test_what_is_no_picture_is_told_the_formats(data: bytes) -> None:
    assert "PNG, JPEG, WebP" in refused(data)


def test_an_empty_file_is_called_empty() -> None:
    assert "empty" in refused(b"")


@pytest.mark.parametrize("size", [(30000, 30000), (10000, 10000), (40000, 10)])
def test_a_bomb_is_refused_from_its_header(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: pytest.fail("it is decoded"))
    assert "too many" in refused(png(*size))


def test_large_pictures_are_taken_in() -> None:
    picture = read_picture(saved(Pillow.new("RGB", (16384, 4096)))).picture
    assert (picture.width_px, picture.height_px) == (16384, 4096)


def test_one_pixel_is_a_picture() -> None:
    assert read_picture(saved(Pillow.new("RGB", (1, 1), (1, 2, 3)))).picture.rgb.tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_it_upright(format_: str, orientation: int) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    tagged = IMAGE.copy()
    tagged.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(tagged))
    assert distance(read_picture(saved(IMAGE, format_, exif=exif)).picture, upright) < 4


@pytest.mark.parametrize("format_", ["PNG", "GIF", "WEBP", "AVIF", "TIFF"])
def test_of_an_animation_the_first_frame_counts(format_: str) -> None:
    others = [IMAGE.transpose(Pillow.Transpose.FLIP_TOP_BOTTOM)]
    answer = read_picture(saved(IMAGE, format_, save_all=True, append_images=others))
    assert distance(answer.picture) < 4 and "first frame" in answer.notes[0]


def test_the_views_of_a_cameras_jpeg_are_no_animation() -> None:
    data = saved(IMAGE, "MPO", save_all=True, append_images=[ImageOps.invert(IMAGE)])
    answer = read_picture(data)
    assert answer.notes == () and distance(answer.picture) < 4


@pytest.mark.parametrize("format_", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(format_: str) -> None:
    answer = read_picture(saved(IMAGE.convert("CMYK"), format_))
    assert distance(answer.picture) < 4 and "CMYK" in answer.notes[0]


def test_sixteen_bit_greys_are_scaled_not_clipped() -> None:
    values = np.linspace(0, 65535, 256 * 4).astype(np.uint16).reshape(4, 256)
    for data in (deep_png(values, 0), saved(Pillow.fromarray(values), "TIFF")):
        grey = read_picture(data).picture.rgb[..., 0]
        assert np.array_equal(grey, np.floor(values / 257 + 0.5).astype(np.uint8))


def test_sixteen_bit_colours_and_alpha_are_scaled() -> None:
    values = np.concatenate([RGB.astype(np.uint16) * 257, np.full((40, 60, 1), 30000, np.uint16)], axis=-1)
    coloured, seen_through = read_picture(deep_png(values[..., :3], 2)), read_picture(deep_png(values, 6)).picture
    assert np.array_equal(coloured.picture.rgb, RGB) and not coloured.is_canonical
    assert np.array_equal(seen_through.rgb, RGB) and seen_through.alpha is not None
    assert abs(int(seen_through.alpha[0, 0]) - 117) <= 1


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_channels_of_32_bits_are_refused(kind: type) -> None:
    assert "32 bits" in refused(saved(Pillow.fromarray(RGB[..., 0].astype(kind)), "TIFF"))


@pytest.mark.parametrize("transparency", [3, bytes(range(64))])
def test_a_palette_keeps_its_transparency(transparency: object) -> None:
    palette = IMAGE.quantize(64)
    picture = read_picture(saved(palette, transparency=transparency)).picture
    table = np.arange(64) if isinstance(transparency, bytes) else np.where(np.arange(64) == 3, 0, 255)
    assert np.array_equal(picture.alpha, table[np.asarray(palette)])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_other_modes_are_read_as_pillow_shows_them(mode: str) -> None:
    image = IMAGE.quantize(16) if mode == "P" else IMAGE.convert(mode)
    assert np.array_equal(read_picture(saved(image)).picture.rgb, np.asarray(image.convert("RGBA"))[..., :3])


def test_a_profile_is_applied() -> None:
    """Gamma 1 stored, so linear light: 0.5 of it is sRGB's 188 (IEC 61966-2-1)."""
    answer = read_picture(saved(Pillow.new("RGB", (4, 4), (128, 128, 128)), icc_profile=gamma_profile(1.0)))
    assert np.abs(answer.picture.rgb.astype(int) - 188).max() <= 1
    assert "Test gamma" in answer.notes[0] and not answer.is_canonical


def test_srgb_by_profile_moves_nothing() -> None:
    answer = read_picture(saved(IMAGE, icc_profile=SRGB))
    assert np.array_equal(answer.picture.rgb, RGB) and answer.is_canonical


def test_a_broken_profile_is_left_out() -> None:
    answer = read_picture(saved(IMAGE, icc_profile=b"nonsense" * 20))
    assert np.array_equal(answer.picture.rgb, RGB) and "left out" in answer.notes[0]


def test_canonical_is_a_whole_plain_png_alone() -> None:
    plain = saved(IMAGE)
    assert read_picture(plain).is_canonical
    assert not read_picture(plain[:-9]).is_canonical, "its end mark is cut off"
    assert not any(read_picture(saved(IMAGE, format_)).is_canonical for format_ in FORMATS[1:])
    assert not read_picture(saved(IMAGE, transparency=(0, 0, 0))).is_canonical


def test_masks_by_alpha_and_by_luminance() -> None:
    alpha = np.full((40, 60), 255, np.uint8)
    alpha[:, :20], alpha[:, 20:30] = 128, 129
    by_alpha = read_mask(to_png(Picture(RGB, alpha)))
    assert not by_alpha[:, :20].any() and by_alpha[:, 20:].min() == 255
    grey = RGB[..., 0].copy()
    assert np.array_equal(read_mask(mask_png(grey)), grey)


def test_png_and_back_keeps_colours_under_transparency() -> None:
    picture = Picture(RGB, (RGB[..., 0] // 2).copy())
    again = read_picture(to_png(picture, {"parameters": "a cat, 猫"})).picture
    assert np.array_equal(again.rgb, RGB) and np.array_equal(again.alpha, picture.alpha)


def test_altered_files_are_read_or_refused_and_never_anything_else() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    seeds = [saved(IMAGE, format_, exif=exif) for format_ in ("PNG", "JPEG", "WEBP", "AVIF", "TIFF")]
    seeds += [saved(IMAGE, "GIF"), saved(IMAGE, "BMP"), saved(IMAGE, "TIFF", compression="tiff_lzw")]
    dice = random.Random(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3000):
            data = bytearray(dice.choice(seeds))
            for _ in range(dice.randint(1, 6)):
                data[dice.randrange(min(len(data), dice.choice((64, 300, len(data)))))] = dice.randrange(256)
            with contextlib.suppress(InvalidField):
                read_picture(bytes(data))
