"""Texts hidden in the lowest bit of a picture's alpha channel, as NovelAI does it, column by column.

A mark of 15 letters, the length in bits as 32 bits with the big end first, then the text, with gzip or without.
Source: NovelAI's own reader, https://github.com/NovelAI/novelai-image-metadata, and the stealth-pnginfo extension.
"""

from __future__ import annotations

import json
import zlib

import numpy as np

from studio.pictures.picture import Bytes
from studio.recipe.metadata import INFOTEXT_KEYWORD

PACKED, PLAIN = b"stealth_pngcomp", b"stealth_pnginfo"
IN_COLOURS = (b"stealth_rgbcomp", b"stealth_rgbinfo")
"""Marks of texts that stand in the lowest bits of the colours instead; such texts are not read, only noticed."""

MAX_TEXT_BYTES = 16 << 20
_LENGTH_BYTES = 4
_GZIP = 16 + zlib.MAX_WBITS


def hidden_texts(alpha: Bytes) -> dict[str, str]:
    """The texts in an alpha channel, (height, width) uint8: several when they are JSON, else one infotext."""
    text = _hidden_text(alpha)
    if not text:
        return {}
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        return {INFOTEXT_KEYWORD: text}
    return {str(key): value if isinstance(value, str) else json.dumps(value) for key, value in content.items()}


def hides_text(colours: Bytes) -> bool:
    """Whether the lowest bits of colours, (height, width, 3) uint8, say that a text is hidden in them."""
    bits = (colours.transpose(1, 0, 2) & 1).astype(np.uint8)
    return bits.size >= len(PACKED) * 8 and _bytes_of(bits, 0, len(PACKED)) in IN_COLOURS


def _hidden_text(alpha: Bytes) -> str:
    bits = (alpha.T & 1).astype(np.uint8)
    head = len(PACKED) + _LENGTH_BYTES
    beginning = _bytes_of(bits, 0, head)
    mark, length = beginning[: len(PACKED)], int.from_bytes(beginning[len(PACKED) :], "big") // 8
    if mark not in (PACKED, PLAIN) or not 0 < length <= bits.size // 8 - head:
        return ""
    body = _bytes_of(bits, head, length)
    if mark == PACKED:
        try:
            body = zlib.decompressobj(_GZIP).decompress(body, MAX_TEXT_BYTES)
        except zlib.error:
            return ""
    return body.decode("utf-8", "replace")


def _bytes_of(bits: Bytes, first: int, count: int) -> bytes:
    return np.packbits(bits.reshape(-1)[first * 8 : (first + count) * 8]).tobytes()
