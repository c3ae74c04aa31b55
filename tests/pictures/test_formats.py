"""Files of four formats that carry a recipe: read back exactly, by us and as other programs read them."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from PIL import ExifTags
from PIL import Image as Pillow
from sd_parsers import ParserManager

from studio.errors import InvalidField
from studio.pictures.formats import FORMAT_NAMES, encode, find_format
from studio.pictures.texts import texts_in, user_comment
from studio.recipe.infotext import write
from studio.recipe.limits import MAX_PROMPT_CHARACTERS
from studio.recipe.metadata import INFOTEXT_KEYWORD, RECIPE_KEYWORD, from_png_text, to_png_text
from tests.recipe.samples import sample, wild, wild_text

OTHERS = [name for name in FORMAT_NAMES if name != "png"]


def picture(mode: str = "RGB") -> Pillow.Image:
    """Soft colours, different in every channel."""
    down, across = np.mgrid[0:32, 0:48]
    colours = np.stack([across * 5, down * 7, 255 - across * 2 - down * 3], axis=-1)
    return Pillow.fromarray(colours.astype(np.uint8)).convert(mode)


def opened(data: bytes) -> Pillow.Image:
    image = Pillow.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_wild_recipes_come_back_exactly_from_every_format(name: str) -> None:
    rng = random.Random(4)
    for _ in range(60):
        recipe, notes = wild(rng), {"Note": wild_text(rng)}
        texts = to_png_text(recipe, notes)
        data = encode(Pillow.new("RGB", (16, 16)), find_format(name), None, texts)
        back = texts_in(data)
        assert {key: back[key] for key in texts} == texts
        info = from_png_text(back)
        assert info is not None and (info.resolved, info.notes) == (recipe, notes)


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_the_file_is_a_picture_of_its_format(name: str) -> None:
    image = picture()
    copy = opened(encode(image, find_format(name), 95 if name != "png" else None, to_png_text(sample())))
    assert copy.format == name.upper() and copy.size == image.size
    apart = np.abs(np.asarray(copy.convert("RGB"), int) - np.asarray(image, int)).mean()
    assert apart == 0 if name == "png" else apart < 3  # a mix-up of colours lies far beyond


def test_quality_counts_and_a_webp_of_100_loses_nothing() -> None:
    image = picture()
    low, high = (len(encode(image, find_format("jpeg"), quality, {})) for quality in (10, 95))
    assert low < high
    same = opened(encode(image, find_format("webp"), 100, {}))
    assert np.array_equal(np.asarray(same.convert("RGB")), np.asarray(image))


def test_transparency_stays_where_there_is_some_and_is_white_in_a_jpeg() -> None:
    clear = Pillow.new("RGBA", (8, 8), (200, 0, 0, 0))
    for name in ("png", "webp", "avif"):
        assert opened(encode(clear, find_format(name), None, {})).getchannel("A").getextrema() == (0, 0)
    assert opened(encode(clear, find_format("jpg"), None, {})).getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize("name", OTHERS)
def test_the_user_comment_is_what_a1111_writes(name: str) -> None:
    recipe = sample(prompt="a cat, 猫 🐈 \u05e9\u05dc\u05d5\u05dd")
    exif = opened(encode(picture(), find_format(name), None, to_png_text(recipe))).getexif()
    comment = exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment]
    assert comment == b"UNICODE\0" + write(recipe).encode("utf-16-be")


@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
def test_sd_parsers_reads_ours(name: str) -> None:
    templates = {"prompt": 'a {fox|"owl"}, __animals__'}
    recipe = sample(prompt="a fox, 猫", negative_prompt="dog: none", checkpoint_sha256="ab" * 32, templates=templates)
    found = ParserManager().parse(io.BytesIO(encode(picture(), find_format(name), None, to_png_text(recipe))))
    assert found is not None and found.generator.value == "AUTOMATIC1111"
    (sampler,) = found.samplers
    assert (found.full_prompt, found.full_negative_prompt) == ("a fox, 猫", "dog: none")
    assert sampler.name == "DPM++ 2M" and (sampler.model.name, sampler.model.hash) == ("starter", "ab" * 5)
    assert sampler.parameters == {"scheduler": "Karras", "cfg_scale": "7", "seed": "42", "steps": "20"}


def test_a_prompt_too_long_for_a_jpeg_is_refused_and_fits_the_others() -> None:
    texts = to_png_text(sample(prompt="猫" * MAX_PROMPT_CHARACTERS))
    with pytest.raises(InvalidField, match="longer than a JPEG can carry"):
        encode(picture(), find_format("jpeg"), None, texts)
    for name in ("webp", "avif", "png"):
        assert texts_in(encode(picture(), find_format(name), None, texts))[RECIPE_KEYWORD] == texts[RECIPE_KEYWORD]


@pytest.mark.parametrize(
    ("name", "quality", "said"),
    [("bmp", None, "png, jpeg, webp, avif"), ("png", 90, "loses nothing"), ("webp", 0, "1 to 100")],
)
def test_what_cannot_be_is_refused_in_words(name: str, quality: int | None, said: str) -> None:
    with pytest.raises(InvalidField, match=said):
        find_format(name, quality)


@pytest.mark.parametrize(
    "value",
    [
        b"UNICODE\0" + "Steps: 3, 猫".encode("utf-16-le"),
        b"UNICODE\0" + "Steps: 3, 猫".encode("utf-16"),
        b"ASCII\0\0\0" + "Steps: 3, 猫".encode(),
        bytes(8) + "Steps: 3, 猫".encode(),
        "Steps: 3, 猫".encode(),
        "Steps: 3, 猫",
    ],
)
def test_comments_are_read_however_they_were_written(value: bytes | str) -> None:
    assert user_comment(value) == "Steps: 3, 猫"


def test_a_packet_with_a_document_type_is_not_unfolded() -> None:
    good = encode(picture(), find_format("webp"), None, to_png_text(sample()))
    image = opened(good)
    packet = image.info["xmp"].replace(b"<x:xmpmeta", b'<!DOCTYPE x [<!ENTITY a "b">]><x:xmpmeta')
    file = io.BytesIO()
    image.save(file, "WEBP", xmp=packet)
    assert RECIPE_KEYWORD not in texts_in(file.getvalue())
    assert set(texts_in(good)) == {INFOTEXT_KEYWORD, RECIPE_KEYWORD}


def test_files_that_say_nothing_or_are_none() -> None:
    assert texts_in(encode(picture("RGBA"), find_format("png"), None, {})) == {}
    with pytest.raises(InvalidField, match="no picture"):
        texts_in(b"Steps: 3")
    cut = encode(picture(), find_format("png"), None, to_png_text(sample()))[:-400]
    with pytest.raises(InvalidField, match="damaged"):
        texts_in(cut)
