"""Pictures on cards: found beside a model or inside it, and made small for the page.

A picture from a foreign folder is never handed on as it is: it is decoded, made small and written anew, so nothing but
pixels reaches the browser. Small ones are kept in the cache folder, which may be deleted.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
from collections.abc import Callable, Collection
from pathlib import Path

from PIL import Image

from studio.errors import InvalidField, NotFound
from studio.library.about import EMBEDDED_PICTURE
from studio.library.card import ModelCard
from studio.library.hashes import stamp_of
from studio.library.header import read_header
from studio.pictures import read_picture

SIDE_PX = 384
_MOST_BYTES = 40_000_000
_SUFFIXES = (".preview.png", ".png", ".jpg", ".jpeg", ".webp", ".preview.jpg", ".preview.jpeg", ".preview.webp")


def picture_beside(path: Path, is_folder: bool, names_in: Callable[[Path], Collection[str]]) -> Path | None:
    """The picture that lies beside a model, or within its folder, by the names A1111 and its companions give them."""
    folder = path.parent
    stem = path.name if is_folder else path.stem
    beside = names_in(folder)
    for suffix in _SUFFIXES:
        if stem + suffix in beside:
            return folder / (stem + suffix)
    if is_folder:
        inside = names_in(path)
        for name in (
            *(stem + suffix for suffix in _SUFFIXES),
            "preview.png",
            "preview.jpg",
            "preview.webp",
            "thumbnail.png",
            "thumbnail.jpg",
        ):
            if name in inside:
                return path / name
    return None


def small_picture(card: ModelCard, cache: Path) -> bytes:
    """A WebP of at most 384 pixels a side. Raises `NotFound` where there is none, or none that can be read."""
    source = card.picture or card.path
    key = hashlib.sha256(f"{source}\0{stamp_of(source)}\0{SIDE_PX}".encode(errors="surrogateescape")).hexdigest()
    kept = cache / "model-pictures" / f"{key[:32]}.webp"
    try:
        return kept.read_bytes()
    except OSError:
        pass
    small = made_small(_bytes_of(card))
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_name(f".{kept.name}.{os.getpid()}.part")
        part.write_bytes(small)
        part.replace(kept)
    except OSError:
        pass  # a cache that cannot be written costs time, nothing else
    return small


def _bytes_of(card: ModelCard) -> bytes:
    try:
        if card.picture is not None:
            if card.picture.stat().st_size > _MOST_BYTES:
                raise NotFound(f"The picture beside {card.name} is too large to be shown.")
            return card.picture.read_bytes()
        _, _, text = read_header(card.path).metadata.get(EMBEDDED_PICTURE, "").partition(";base64,")
        if text:
            return base64.b64decode(text, validate=False)
    except (OSError, ValueError) as error:
        raise NotFound(f"The picture of {card.name} cannot be read: {error}.") from error
    raise NotFound(f"{card.name} has no picture.")


def made_small(data: bytes) -> bytes:
    """The picture as a WebP of at most 384 pixels a side. Raises `NotFound` where it cannot be read."""
    try:
        picture = read_picture(data).picture
    except InvalidField as error:
        raise NotFound(f"The picture cannot be read: {error.message}.") from error
    small = Image.fromarray(picture.rgb)
    small.thumbnail((SIDE_PX, SIDE_PX))
    written = io.BytesIO()
    small.save(written, "WEBP", quality=82)
    return written.getvalue()
