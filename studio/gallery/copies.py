"""Copies of the gallery's pictures in other formats, with the texts that other programs and ours read.

The stored file is the picture; a copy is made when somebody asks for one, and carries no identity, so it never passes
for the original.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image as Pillow

from studio.errors import StorageError
from studio.gallery import identity, originals
from studio.pictures.formats import PictureFormat, encode


def copy_as(original: Path, chosen: PictureFormat, quality: int | None = None) -> bytes:
    """The picture in ``original`` as a file of another format.

    Raises:
        InvalidField: its texts are longer than the format can carry.
        StorageError: the file cannot be read, or is damaged.
    """
    content = originals.read(original).text
    texts = {keyword: text for keyword, text in content.items() if keyword != identity.KEYWORD}
    try:
        with Pillow.open(original, formats=originals.OPENED) as image:
            image.load()
            inked = image.mode in ("CMYK", "YCbCr", "LAB")  # no PNG and no WebP holds these
            return encode(image.convert("RGB") if inked else image, chosen, quality, texts)
    except (OSError, SyntaxError) as error:
        raise StorageError(f"The picture {original.name} cannot be read: {error}.") from error
