"""Copies of the gallery's pictures in other formats, with the texts that other programs and ours read.

The stored PNG is the picture; a copy is made when somebody asks for one, and carries no identity, so it never passes
for the original.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image as Pillow

from studio.errors import StorageError
from studio.gallery import png
from studio.pictures.formats import PictureFormat, encode
from studio.recipe.metadata import INFOTEXT_KEYWORD, RECIPE_KEYWORD


def copy_as(original: Path, chosen: PictureFormat, quality: int | None = None) -> bytes:
    """The picture in ``original`` as a file of another format.

    Raises:
        InvalidField: its texts are longer than the format can carry.
        StorageError: the file cannot be read, or is damaged.
    """
    content = png.read(original).text
    texts = {keyword: content[keyword] for keyword in (INFOTEXT_KEYWORD, RECIPE_KEYWORD) if keyword in content}
    try:
        with Pillow.open(original, formats=("PNG",)) as image:
            image.load()
            return encode(image, chosen, quality, texts)
    except (OSError, SyntaxError) as error:
        raise StorageError(f"The picture {original.name} cannot be read: {error}.") from error
