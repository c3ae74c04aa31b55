"""Files that people hand in: read as an upright 8-bit sRGB picture or a mask, or refused in one sentence.

The size is checked from the header before a pixel is decoded. Nothing is repaired: a file that is cut off or damaged is
refused, since half a picture is never what somebody meant.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import ExifTags
from PIL import Image as Pillow

from studio.errors import InvalidField
from studio.pictures.colours import in_srgb
from studio.pictures.picture import OPAQUE, Bytes, Picture

MAX_PIXELS = 1 << 26
"""16384 x 4096 or 8192 x 8192: 192 MB of colours, a few times that while one is worked on."""

MAX_SIDE_PX = 1 << 15

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")
FORMATS_IN_WORDS = "a PNG, JPEG, WebP, AVIF, GIF, BMP or TIFF file"

MASK_THRESHOLD = 128
"""A mask's alpha above this is white, as in A1111."""

DAMAGE = (
    OSError,
    RuntimeError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise on files that are cut off, altered, or made to break them (found by altering some)."""


@dataclass(frozen=True)
class ReadPicture:
    """A picture that was handed in. ``notes`` say in sentences what was changed while reading.

    ``is_canonical``: the file is an 8-bit RGB or RGBA PNG that already holds exactly these pixels.
    """

    picture: Picture
    notes: tuple[str, ...] = ()
    is_canonical: bool = False


def read_picture(data: bytes, field: str = "source") -> ReadPicture:
    """The picture in a file's bytes: its first frame, upright, in sRGB, with its alpha if it has any.

    Raises:
        InvalidField: no picture of a format that is read, too large, damaged, or cut off; it names ``field``.
    """
    with opened(data, field) as image:
        check_size(image, field)
        try:
            # Further frames are an animation or pages, but in a camera's JPEG (MPO) they are other views of the first.
            has_more_frames = image.format != "MPO" and getattr(image, "is_animated", False)
            image.load()
            picture, notes = in_srgb(image, field)
        except DAMAGE as error:
            raise damaged(field) from error
        if has_more_frames:
            notes.insert(0, "Only its first frame is used.")
        orientation = _orientation(image)
        if orientation in _TURNS:
            notes.append("It was turned upright.")
            picture = _turned(picture, orientation)
        return ReadPicture(picture, tuple(notes), is_canonical=not notes and _is_plain_png(image, data))


def read_mask(data: bytes, field: str = "mask") -> Bytes:
    """The mask in a file's bytes, (height, width) uint8, 255 where to paint.

    Where anything is transparent, alpha above `MASK_THRESHOLD` is white and the rest black; else the luminance counts.

    Raises:
        InvalidField: as `read_picture`.
    """
    return mask_of(read_picture(data, field).picture)


def mask_of(picture: Picture) -> Bytes:
    """A picture taken as a mask, as `read_mask` does."""
    if picture.alpha is not None and picture.alpha.min() < OPAQUE:
        return np.where(picture.alpha > MASK_THRESHOLD, 255, 0).astype(np.uint8)
    return np.asarray(Pillow.fromarray(picture.rgb).convert("L"))


def opened(data: bytes, field: str) -> Pillow.Image:
    """The file's picture, opened and not yet decoded. Raises `InvalidField`."""
    if not data:
        raise InvalidField(field, "the file is empty", FORMATS_IN_WORDS)
    try:
        return Pillow.open(io.BytesIO(data), formats=_readable_formats())
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
        raise InvalidField(field, "the picture has far too many pixels", _allowed_size()) from error
    except DAMAGE as error:
        if looks_readable(data):
            raise damaged(field) from error
        raise InvalidField(field, "this is no picture that can be read", FORMATS_IN_WORDS) from error


@cache
def _readable_formats() -> tuple[str, ...]:
    """Those of `FORMATS` that the installed Pillow was built with."""
    Pillow.init()
    return tuple(name for name in FORMATS if name in Pillow.OPEN)


def looks_readable(data: bytes) -> bool:
    """Whether the first bytes are those of a format that is read."""
    tests = [Pillow.OPEN[name][1] for name in _readable_formats()]
    return any(test is not None and test(data[:16]) for test in tests)


def damaged(field: str) -> InvalidField:
    """The refusal of a file that is a picture, but not a whole one."""
    return InvalidField(field, "the file is damaged or cut off and cannot be read", "a whole file")


def check_size(image: Pillow.Image, field: str) -> None:
    """Raise `InvalidField` for more pixels than are worked on, or none."""
    width_px, height_px = image.size
    if width_px * height_px > MAX_PIXELS or max(image.size) > MAX_SIDE_PX:
        raise InvalidField(field, f"{width_px} x {height_px} pixels are too many", _allowed_size())
    if not width_px or not height_px:
        raise InvalidField(field, "the picture has no pixels", "at least one")


def _allowed_size() -> str:
    return f"up to {MAX_PIXELS / 1e6:.0f} million pixels, and {MAX_SIDE_PX} a side"


def _is_plain_png(image: Pillow.Image, data: bytes) -> bool:
    """A whole RGB or RGBA PNG of 8 bits; the depth is byte 24 (https://www.w3.org/TR/png-3/#11IHDR)."""
    has_end = data[-8:-4] == b"IEND"
    is_plain = image.mode in ("RGB", "RGBA") and data[24] == 8 and "transparency" not in image.info
    return image.format == "PNG" and has_end and is_plain


def _orientation(image: Pillow.Image) -> int:
    """Which way is up by the file's EXIF: 1 to 8, where 1 is as it is. Unreadable EXIF turns nothing.

    Pillow turns TIFF files itself while it decodes them, and then says 1.
    """
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except DAMAGE:
        return 1


_TURNS = {
    # EXIF 2.32, tag 0x0112: whether rows and columns are swapped first, then which axes are mirrored.
    2: (False, (1,)),
    3: (False, (0, 1)),
    4: (False, (0,)),
    5: (True, ()),
    6: (True, (1,)),
    7: (True, (0, 1)),
    8: (True, (0,)),
}


def _turned(picture: Picture, orientation: int) -> Picture:
    is_swapped, mirrored = _TURNS[orientation]

    def turn(values: Bytes) -> Bytes:
        return np.ascontiguousarray(np.flip(values.swapaxes(0, 1) if is_swapped else values, mirrored))

    return Picture(turn(picture.rgb), None if picture.alpha is None else turn(picture.alpha))
