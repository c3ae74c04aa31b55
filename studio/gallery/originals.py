"""Picture files as the gallery keeps them: PNG, JPEG, WebP and AVIF, each byte for byte as it came.

What the studio makes is a PNG; what was brought from elsewhere stays what it was. A file is looked at whole: one that
is cut off or altered never passes as a picture.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags

from studio.errors import InvalidField
from studio.gallery import png
from studio.pictures.formats import FORMATS, FormatName
from studio.pictures.intake import DAMAGE, check_size, opened
from studio.pictures.texts import texts_in
from studio.store.files import in_words

SUFFIXES: Mapping[str, FormatName] = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
    ".avif": "avif",
}
KINDS: Mapping[str, FormatName] = {"PNG": "png", "JPEG": "jpeg", "MPO": "jpeg", "WEBP": "webp", "AVIF": "avif"}
"""Formats as Pillow calls them; a camera's JPEG may hold further pictures and is an MPO then."""

OPENED = ("PNG", "JPEG", "WEBP", "AVIF")
KINDS_IN_WORDS = "PNG, JPEG, WebP and AVIF are kept"
_SIDEWAYS = (5, 6, 7, 8)
"""Values of EXIF's orientation that swap width and height (Exif 2.32, tag 0x0112)."""


@dataclass(frozen=True)
class Original:
    """What a picture file says about itself: ``text`` by PNG keywords, whatever its format; ``sha256`` of the file."""

    format: FormatName
    width_px: int
    height_px: int
    text: dict[str, str]
    sha256: str

    @property
    def suffix(self) -> str:
        return FORMATS[self.format].suffix


def is_picture_name(name: str) -> bool:
    """Whether a file of that name is looked at: hidden ones are not."""
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def format_of(path: Path) -> FormatName:
    """The format of a file that the gallery keeps, by its suffix."""
    return SUFFIXES.get(path.suffix.lower(), "png")


def read(path: Path) -> Original:
    """What the file says about itself.

    Raises:
        DamagedPng: it is no whole picture of a kind that is kept; the message goes on from its name.
        StorageError: it cannot be read.
    """
    try:
        if path.stat().st_size > png.MAX_FILE_BYTES:
            raise png.DamagedPng(f"is larger than {png.MAX_FILE_BYTES >> 20} MB")
        return parse(path.read_bytes())
    except OSError as error:
        raise in_words(error, path) from error


def parse(data: bytes) -> Original:
    """What a file of these bytes says about itself. Raises `DamagedPng`."""
    if data.startswith(png.SIGNATURE):
        plain = png.parse(data)
        return Original("png", plain.width_px, plain.height_px, plain.text or _hidden_text(data), plain.sha256)
    try:
        with opened(data, "picture") as image:
            check_size(image, "picture")
            kind = KINDS.get(image.format or "")
            if kind is None:
                raise png.DamagedPng(f"is a {image.format}; {KINDS_IN_WORDS}")
            image.load()
            width_px, height_px = image.size
            if image.getexif().get(ExifTags.Base.Orientation, 1) in _SIDEWAYS:
                width_px, height_px = height_px, width_px
        text = texts_in(data)
    except InvalidField as error:
        raise png.DamagedPng(f"is no picture to keep: {error.message}") from error
    except DAMAGE as error:
        raise png.DamagedPng("is damaged or cut off") from error
    return Original(kind, width_px, height_px, text, hashlib.sha256(data).hexdigest())


def _hidden_text(data: bytes) -> dict[str, str]:
    """What a PNG without texts says in its EXIF or its alpha channel."""
    try:
        return texts_in(data)
    except InvalidField:
        return {}
