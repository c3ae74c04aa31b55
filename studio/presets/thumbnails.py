"""Pictures of presets: small WebPs, and for those that have none a drawing of what kind they are.

A picture from a file is never handed on as it is: it is decoded, made small and written anew. Drawings follow from the
preset's name and family alone, so they are the same everywhere and hold nothing that somebody typed.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

from PIL import Image

from studio.errors import InvalidField
from studio.pictures import read_picture
from studio.presets.drawings import motif_of
from studio.recipe.presets import Preset

SIDE_PX = 160
QUALITY = 80
MOST_BYTES = 20_000_000
WARMTH_SHOWN = 0.15


@dataclass(frozen=True)
class Drawn:
    """A picture's bytes and what they are."""

    data: bytes
    media_type: str


def small_picture(data: bytes) -> bytes:
    """A square WebP of at most 160 pixels a side, cut out of the middle. Raises `InvalidField`."""
    if len(data) > MOST_BYTES:
        raise InvalidField("thumbnail", "the picture is too large", f"up to {MOST_BYTES // 1_000_000} MB")
    try:
        pixels = read_picture(data).picture.rgb
    except InvalidField as error:
        raise InvalidField("thumbnail", error.message, error.allowed) from None
    picture = Image.fromarray(pixels)
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = picture.crop((left, top, left + side, top + side))
    square.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    square.save(file, "WEBP", quality=QUALITY, method=6)
    return file.getvalue()


def picture_of(preset: Preset) -> Drawn:
    """What stands for a preset: its own picture, or a drawing."""
    if preset.thumbnail is not None:
        try:
            return Drawn(preset.thumbnail.read_bytes(), "image/webp")
        except OSError:
            pass  # it went away just now; the drawing is always there
    return Drawn(drawing_of(preset).encode(), "image/svg+xml")


def drawing_of(preset: Preset) -> str:
    """An SVG in two colours, warm, cold or grey where the preset is, with a motif of its family."""
    seed = hashlib.sha256(preset.name.encode(errors="surrogatepass")).digest()
    hue, turn, strength = seed[0] * 360 // 256, 30 + seed[1] % 60, 44
    warmth, colour = (float(preset.fields.get(name) or 0) for name in ("temperature", "saturation"))
    if abs(warmth) > WARMTH_SHOWN:
        hue, turn = (18 + seed[0] % 24, 14) if warmth > 0 else (205 + seed[0] % 25, 25)
    strength = round(strength * (1 + min(0.0, colour)))
    motif = motif_of(preset, seed)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 160" width="160" height="160">'
        '<defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1">'
        f'<stop offset="0" stop-color="hsl({hue} {strength}% 40%)"/>'
        f'<stop offset="1" stop-color="hsl({(hue + turn) % 360} {strength}% 22%)"/></linearGradient></defs>'
        '<rect width="160" height="160" fill="url(#g)"/>'
        f'<g fill="none" stroke="#fff" stroke-opacity=".82" stroke-width="4" stroke-linecap="round" '
        f'stroke-linejoin="round">{motif}</g></svg>'
    )
