"""Source pictures and masks: taken in once, checked, and kept by the hash of their bytes.

What is kept is always an upright 8-bit sRGB PNG, so page, worker and gallery see the same pixels at the same size.
Facts about a picture are read from its file when they are asked for; there is no row that could disagree with it.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from studio.errors import StorageError
from studio.pictures import mask_png, read_picture, to_png
from studio.pictures.intake import mask_of
from studio.recipe import SourceFacts
from studio.store.blobs import Blobs

FACTS_KEPT = 512


@dataclass(frozen=True)
class Source:
    """A stored picture. ``notes`` say in sentences what was changed while taking it in."""

    sha256: str
    width_px: int
    height_px: int
    has_alpha: bool
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As the REST routes answer it."""
        return {**asdict(self), "notes": list(self.notes)}


@dataclass
class Sources:
    """The stored pictures over ``blobs``. Safe to share between threads."""

    blobs: Blobs
    _facts: OrderedDict[str, SourceFacts] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put_picture(self, data: bytes) -> Source:
        """Take a picture in. A PNG that already is what is kept stays as it is, byte for byte.

        Raises:
            InvalidField: it is no picture that can be read, too large, damaged or cut off.
            StorageFull, StorageError: it could not be kept.
        """
        read = read_picture(data)
        picture = read.picture
        digest = self.blobs.put(data if read.is_canonical else to_png(picture))
        return Source(digest, picture.width_px, picture.height_px, picture.alpha is not None, read.notes)

    def put_mask(self, data: bytes) -> Source:
        """Take a mask in: white is painted anew. Kept as an 8-bit grey PNG. Raises as `put_picture`."""
        read = read_picture(data, "mask")
        mask = mask_of(read.picture)
        height_px, width_px = mask.shape
        return Source(self.blobs.put(mask_png(mask)), width_px, height_px, False, read.notes)

    def facts(self, sha256: str) -> SourceFacts:
        """What resolving needs to know of a stored picture. Raises `NotFound`, `StorageError`."""
        with self._lock:
            known = self._facts.get(sha256)
        self.blobs.touch(sha256)
        if known is not None and self.blobs.has(sha256):
            return known
        facts = _facts(self.blobs.get(sha256))
        with self._lock:
            self._facts[sha256] = facts
            if len(self._facts) > FACTS_KEPT:
                self._facts.popitem(last=False)
        return facts

    def get(self, sha256: str) -> Source:
        """A stored picture by its hash. Raises `NotFound`, `StorageError`."""
        facts = self.facts(sha256)
        return Source(sha256, facts.width_px, facts.height_px, facts.has_alpha)

    def path(self, sha256: str) -> Path:
        """The file of a stored picture. Raises `NotFound`."""
        return self.blobs.path(sha256)


def _facts(data: bytes) -> SourceFacts:
    try:
        with Pillow.open(io.BytesIO(data), formats=("PNG",)) as image:
            width_px, height_px = image.size
            if image.mode != "L":
                return SourceFacts(width_px, height_px, has_alpha=_is_transparent(image))
            values = np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise StorageError("A stored source picture is damaged. Choose it again.") from error
    # As the worker cuts a mask: what is below the middle paints nothing.
    return SourceFacts(width_px, height_px, is_black=bool(values.max() < 128), is_white=bool(values.min() >= 128))


def _is_transparent(image: Pillow.Image) -> bool:
    return image.mode == "RGBA" and image.getchannel("A").getextrema() != (255, 255)
