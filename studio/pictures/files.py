"""Pictures and masks as PNG files in memory."""

from __future__ import annotations

import io
from collections.abc import Mapping

from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from studio.pictures.picture import Bytes, Picture

COMPRESSION = 1
"""Of zlib's 9 levels: half the time of level 6 for an eighth more bytes, as in the gallery."""


def to_png(picture: Picture, text: Mapping[str, str] | None = None) -> bytes:
    """The picture as a PNG, RGB or RGBA; it carries ``text``, beyond Latin-1 in international (UTF-8) chunks."""
    return png_bytes(picture.to_pillow(), text or {})


def mask_png(mask: Bytes) -> bytes:
    """A mask, (height, width) uint8, as an 8-bit grey PNG."""
    return png_bytes(Pillow.fromarray(mask), {})


def png_bytes(image: Pillow.Image, text: Mapping[str, str]) -> bytes:
    """A Pillow image as a PNG that carries ``text``."""
    chunks = PngInfo()
    for keyword, value in text.items():
        chunks.add_text(keyword, value)
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=chunks, compress_level=COMPRESSION)
    return file.getvalue()
