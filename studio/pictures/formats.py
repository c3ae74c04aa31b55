"""Pictures as files of other formats, with the texts about them: PNG, JPEG, WebP, AVIF.

Where a text goes: a PNG has a chunk for each. The others carry A1111's text in EXIF's ``UserComment``, as A1111 itself
writes it, and our exact JSON as a property of an XMP packet. A JPEG has no room for very long texts and no
transparency; the first is refused, the second is laid on white.
Formats: Exif 2.32 section 4.6.5; XMP Specification part 3 (JPEG: one segment of 65,502 bytes).
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, get_args

from PIL import ExifTags, features
from PIL import Image as Pillow

from studio.errors import InvalidField
from studio.pictures.files import png_bytes
from studio.recipe.metadata import INFOTEXT_KEYWORD, RECIPE_KEYWORD

FormatName = Literal["png", "jpeg", "webp", "avif"]
FORMAT_NAMES: tuple[FormatName, ...] = get_args(FormatName)

UNICODE = b"UNICODE\0"
"""The code that says what follows in a ``UserComment``; A1111 writes UTF-16, big end first."""

XMP_NAMESPACE = "urn:latent-studio:picture"
JPEG_EXIF_BYTES = 65_533
JPEG_XMP_BYTES = 65_502

_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:studio="{namespace}"><studio:recipe>{recipe}</studio:recipe></rdf:Description></rdf:RDF></x:xmpmeta>'
    '<?xpacket end="w"?>'
)


@dataclass(frozen=True)
class PictureFormat:
    """A format to save in: its media type, the suffix of its files, and the quality it has unless told otherwise
    (0 for none: it loses nothing).
    """

    name: FormatName
    media_type: str
    suffix: str
    quality: int = 0


FORMATS: Mapping[str, PictureFormat] = {
    "png": PictureFormat("png", "image/png", ".png"),
    "jpeg": PictureFormat("jpeg", "image/jpeg", ".jpg", 92),
    "webp": PictureFormat("webp", "image/webp", ".webp", 90),
    "avif": PictureFormat("avif", "image/avif", ".avif", 80),
}


def find_format(name: str, quality: int | None = None) -> PictureFormat:
    """The format of that name (``jpg`` too), checked to take ``quality``.

    Raises:
        InvalidField: no such format, one that this Pillow was built without, or a quality it cannot have.
    """
    found = FORMATS.get({"jpg": "jpeg"}.get(name.lower(), name.lower()))
    if found is None:
        raise InvalidField("format", f"{name[:40]!r} is not a format to save in", ", ".join(FORMATS))
    if found.name in ("webp", "avif") and not features.check(found.name):
        raise InvalidField("format", f"this installation's Pillow cannot write {found.name}", "png, jpeg")
    if quality is not None and not found.quality:
        raise InvalidField("quality", "a PNG loses nothing, so it has no quality", "leave it out, or another format")
    if quality is not None and not 1 <= quality <= 100:
        raise InvalidField("quality", f"{quality} is out of range", "1 to 100")
    return found


def encode(image: Pillow.Image, chosen: PictureFormat, quality: int | None, texts: Mapping[str, str]) -> bytes:
    """The picture as a file that carries ``texts``, by their PNG keywords; but for PNG only the two of a recipe.

    A WebP of quality 100 loses nothing.

    Raises:
        InvalidField: texts longer than a JPEG can carry.
    """
    if chosen.name == "png":
        return png_bytes(image, texts)
    exif, xmp = _exif(texts.get(INFOTEXT_KEYWORD, "")), _xmp(texts.get(RECIPE_KEYWORD, ""))
    if chosen.name == "jpeg" and (len(exif) > JPEG_EXIF_BYTES or len(xmp) > JPEG_XMP_BYTES):
        raise InvalidField("format", "the prompts of this picture are longer than a JPEG can carry", "png, webp, avif")
    file = io.BytesIO()
    carried = {name: data for name, data in (("exif", exif), ("xmp", xmp)) if data}
    quality = chosen.quality if quality is None else quality
    prepared = _opaque(image) if chosen.name == "jpeg" else image
    prepared.save(file, chosen.name.upper(), quality=quality, **_options(chosen.name, quality), **carried)
    return file.getvalue()


def _options(name: FormatName, quality: int) -> dict[str, Any]:
    if name == "webp":
        return {"lossless": quality == 100, "exact": True}
    # from 90 on people ask for what they see, and halved colours show on red letters
    return {"subsampling": "4:4:4" if quality >= 90 else "4:2:0"}


def _opaque(image: Pillow.Image) -> Pillow.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    over = image.convert("RGBA")
    white = Pillow.new("RGBA", over.size, "white")
    return Pillow.alpha_composite(white, over).convert("RGB")


def _exif(infotext: str) -> bytes:
    if not infotext:
        return b""
    exif = Pillow.Exif()
    exif.endian = ">"  # as A1111's writer; some readers take the order of the text from it
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = UNICODE + infotext.encode("utf-16-be")
    return bytes(exif.tobytes())


def _xmp(recipe: str) -> bytes:
    return _PACKET.format(namespace=XMP_NAMESPACE, recipe=escape(recipe)).encode() if recipe else b""
