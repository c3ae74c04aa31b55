"""What a picture file says about itself, whatever its format: texts by the keywords a PNG has for them.

EXIF, XMP and comments are brought under the same names, so whoever understands a text needs to know of no format.
What programs write where: A1111 and SD.Next put ``parameters`` into ``UserComment``; Fooocus the same, but in the
first directory; ComfyUI puts ``prompt:…`` and ``workflow:…`` into Model and Make; NovelAI hides a copy in the alpha
channel. It refuses to understand any of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import numpy as np
from PIL import ExifTags
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngImageFile

from studio.pictures.formats import UNICODE, XMP_NAMESPACE
from studio.pictures.intake import DAMAGE, check_size, damaged, opened
from studio.pictures.stealth import hidden_texts
from studio.recipe.metadata import INFOTEXT_KEYWORD, RECIPE_KEYWORD

MAX_TEXT_CHARACTERS = 16_000_000

_NAMED_IN_EXIF = ("prompt", "workflow")
_EXIF_NAMES = {ExifTags.Base.Software: "Software", ExifTags.Base.ImageDescription: "Description"}


def texts_in(data: bytes, field: str = "picture") -> dict[str, str]:
    """The texts of a picture file by keyword; empty when it has none. No pixel is decoded unless they may hide some.

    Raises:
        InvalidField: no picture of a format that is read, too large, or damaged; it names ``field``.
    """
    with opened(data, field) as image:
        check_size(image, field)
        try:
            found = dict(_texts(image))
            if not found and image.mode == "RGBA":
                found = hidden_texts(np.asarray(image.getchannel("A")))
        except DAMAGE as error:
            raise damaged(field) from error
    return {keyword: text[:MAX_TEXT_CHARACTERS] for keyword, text in found.items()}


def _texts(image: Pillow.Image) -> Iterator[tuple[str, str]]:
    """Later ones win: what stands in a PNG's own chunks counts more than its EXIF."""
    comment = image.info.get("comment")
    if comment:
        yield INFOTEXT_KEYWORD, comment.decode("utf-8", "replace") if isinstance(comment, bytes) else str(comment)
    yield from _from_exif(image.getexif())
    packet = image.info.get("xmp")
    recipe = _recipe_in(packet) if isinstance(packet, bytes) else ""
    if recipe:
        yield RECIPE_KEYWORD, recipe
    if isinstance(image, PngImageFile):
        yield from ((keyword, str(text)) for keyword, text in image.text.items())


def _from_exif(exif: Pillow.Exif) -> Iterator[tuple[str, str]]:
    for tag, value in exif.items():
        text = value.strip("\0 ") if isinstance(value, str) else ""
        if text and tag in _EXIF_NAMES:
            yield _EXIF_NAMES[ExifTags.Base(tag)], text
        keyword, mark, rest = text.partition(":")
        if mark and keyword in _NAMED_IN_EXIF:
            yield keyword, rest
    for directory in (exif, exif.get_ifd(ExifTags.IFD.Exif)):
        comment = user_comment(directory.get(ExifTags.Base.UserComment, b""))
        if comment:
            yield INFOTEXT_KEYWORD, comment


def user_comment(value: Any) -> str:
    """The text of an EXIF ``UserComment``, whichever way its writer understood the standard."""
    if isinstance(value, str):
        return value.strip("\0 ")
    if not isinstance(value, bytes):
        return ""
    code, body = value[:8], value[8:]
    if code == UNICODE:
        return body.decode(_utf16_of(body), "replace").strip("\0")
    return (body if code in (b"ASCII\0\0\0", bytes(8)) else value).decode("utf-8", "ignore").strip("\0 ")


def _utf16_of(body: bytes) -> str:
    """Which end comes first. EXIF does not say; every recipe has Latin letters, whose other byte is 0."""
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    return "utf-16-be" if body[0::2].count(0) >= body[1::2].count(0) else "utf-16-le"


def _recipe_in(packet: bytes) -> str:
    """Our JSON in an XMP packet, empty when there is none."""
    if XMP_NAMESPACE.encode() not in packet or b"<!" in packet:  # a document type brings entities that unfold
        return ""
    try:
        root = ElementTree.fromstring(packet.decode("utf-8").strip("\0 \n"))
    except (ElementTree.ParseError, UnicodeDecodeError):
        return ""
    name = f"{{{XMP_NAMESPACE}}}recipe"
    for element in root.iter():
        if element.tag == name:
            return element.text or ""
        if name in element.attrib:  # tools that write a packet anew may make attributes of simple properties
            return element.attrib[name]
    return ""
