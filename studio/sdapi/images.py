"""Pictures inside JSON: base64 in, with or without ``data:image/…;base64,``, and base64 without it out.

Nothing is fetched: an address instead of a picture is refused, so that nobody makes the studio ask other machines.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from PIL import Image as Pillow
from PIL import ImageColor

from studio.errors import InvalidField, TooLarge
from studio.pictures import Picture, read_picture
from studio.pictures.files import png_bytes


def bytes_of(text: str, field: str, most_bytes: int) -> bytes:
    """The file that ``text`` holds in base64.

    Raises:
        InvalidField: an address, or no base64; it names ``field``.
        TooLarge: more bytes than a file may have.
    """
    text = text.strip()
    if text[:8].lower().startswith(("http://", "https://")):
        raise InvalidField(field, "an address is not followed; send the picture itself", "the file in base64")
    if text[:5].lower() == "data:":
        text = text.partition(",")[2]
    if len(text) * 3 // 4 > most_bytes + 2:
        raise TooLarge(field, "the picture is too large", f"up to {most_bytes // 1_000_000} MB")
    try:
        return base64.b64decode("".join(text.split()) + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidField(field, "Invalid encoded image", "the file in base64") from error


def picture_of(text: str, field: str, most_bytes: int) -> Picture:
    """The picture that ``text`` holds. Raises `InvalidField`, `TooLarge`."""
    return read_picture(bytes_of(text, field, most_bytes), field).picture


def flattened(picture: Picture, background: str) -> Picture:
    """The picture laid on a colour where it is transparent, as A1111 does before image to image."""
    if picture.alpha is None:
        return picture
    base = Pillow.new("RGBA", (picture.width_px, picture.height_px), ImageColor.getrgb(background))
    return Picture.from_pillow(Pillow.alpha_composite(base, picture.to_pillow()).convert("RGB"))


def encoded(data: bytes) -> str:
    """A file's bytes as they travel."""
    return base64.b64encode(data).decode("ascii")


def encoded_png(image: Pillow.Image, texts: Mapping[str, str]) -> str:
    """A picture that was put together here, as a PNG with its texts."""
    return encoded(png_bytes(image, texts))
