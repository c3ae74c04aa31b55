"""Pictures for others: without whose they are, and without a word about how they were made where that is hidden."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from studio.errors import StorageError
from studio.gallery import png
from studio.gallery.png import COMPRESSION
from studio.pictures.picture import Bytes
from studio.pictures.stealth import hides_text
from studio.recipe.metadata import INFOTEXT_KEYWORD, RECIPE_KEYWORD

KEPT_BYTES = 64_000_000


class BarePictures:
    """Makes them, and keeps the latest in memory: somebody with a link may look many times."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._made: OrderedDict[tuple[str, bool], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, original: Path, sha256: str, shows_prompt: bool) -> bytes:
        """The picture in ``original``, whose hash is ``sha256``, as a PNG for others. Raises `StorageError`."""
        key = sha256, shows_prompt
        with self._lock:
            made = self._made.get(key)
        if made is None:
            made = bare(original, shows_prompt)
        with self._lock:
            self._made[key] = made
            self._made.move_to_end(key)
            while sum(map(len, self._made.values())) > self._kept_bytes and len(self._made) > 1:
                self._made.popitem(last=False)
        return made


def bare(original: Path, shows_prompt: bool = False) -> bytes:
    """The pixels of a picture as a PNG of nothing else: no texts, no profiles, nothing hidden in lowest bits.

    With ``shows_prompt`` it says how it was made, and still not whose it is and what it is called in the gallery.

    Raises:
        StorageError: the file cannot be read, or is damaged.
    """
    kept = png.read(original).text if shows_prompt else {}
    texts = PngInfo()
    for keyword in (INFOTEXT_KEYWORD, RECIPE_KEYWORD):
        if keyword in kept:
            texts.add_text(keyword, kept[keyword])
    try:
        with Pillow.open(original, formats=("PNG",)) as image:
            pixels = np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise StorageError(f"The picture {original.name} cannot be read: {error}.") from error
    file = io.BytesIO()
    Pillow.fromarray(_without_hidden(pixels)).save(file, "PNG", pnginfo=texts, **COMPRESSION)
    return file.getvalue()


def _without_hidden(pixels: Bytes) -> Bytes:
    """The lowest bits of alpha follow the highest, which leaves what is opaque and what is clear as it was; those of
    the colours are cleared where a text is hidden in them."""
    clean = pixels.copy()
    if clean.shape[2] == 4:
        clean[..., 3] = (clean[..., 3] & 0xFE) | (clean[..., 3] >> 7)
    if hides_text(pixels[..., :3]):
        clean[..., :3] &= 0xFE
    return clean
