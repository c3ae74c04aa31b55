"""Folders of pictures as other programs leave them, with the texts that each writes."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Mapping
from pathlib import Path

from PIL import ExifTags
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from tests.dialects.recorded import FOOOCUS, FORGE, INVOKE, NOVELAI, SDNEXT, comfy

A1111 = (
    "castle on a hill\nNegative prompt: people\n"
    "Steps: 30, Sampler: Euler a, Schedule type: Karras, CFG scale: 6.5, Seed: 777, Size: 32x24, Model: dreamlike, "
    "Version: v1.10.1"
)

OF_PROGRAMS: Mapping[str, tuple[dict[str, str], str]] = {
    "A1111": ({"parameters": A1111}, "castle on a hill"),
    "Forge": ({"parameters": FORGE}, "a fox"),
    "SD.Next": ({"parameters": SDNEXT}, "a fox, snow"),
    "ComfyUI": ({"prompt": json.dumps(comfy()), "workflow": "{}"}, "beautiful scenery, bottle"),
    "InvokeAI": ({"invokeai_metadata": json.dumps(INVOKE)}, "a (red)1.2 fox++"),
    "Fooocus": ({"parameters": json.dumps(FOOOCUS), "fooocus_scheme": "fooocus"}, "a fox"),
    "NovelAI": (NOVELAI, "1girl, {fox ears}, snow"),
}
"""The texts of a PNG by each program, and how the prompt begins that they hold."""


def drawing(number: int, width_px: int = 32, height_px: int = 24) -> Pillow.Image:
    return Pillow.frombytes("RGB", (width_px, height_px), random.Random(number).randbytes(width_px * height_px * 3))


def png_with(texts: Mapping[str, str], number: int = 0) -> bytes:
    """A PNG that says ``texts``; another ``number``, another picture."""
    info, file = PngInfo(), io.BytesIO()
    for keyword, text in texts.items():
        info.add_text(keyword, text)
    drawing(number).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def other_with(infotext: str, kind: str, number: int = 0) -> bytes:
    """A JPEG, WebP or AVIF with A1111's text in its EXIF."""
    exif, file = Pillow.Exif(), io.BytesIO()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"UNICODE\0" + infotext.encode("utf-16-be")
    drawing(number).save(file, kind, exif=exif.tobytes())
    return file.getvalue()


def put(file: Path, data: bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def outputs(folder: Path) -> Path:
    """A folder like those of several programs, with a damaged file, a double, thumbnails, and what is no picture."""
    for number, (program, (texts, _)) in enumerate(OF_PROGRAMS.items()):
        put(folder / program / f"{number:05}.png", png_with(texts, number))
    put(folder / "A1111" / "2024-01-31" / "jpeg.jpg", other_with(A1111, "JPEG", 100))
    put(folder / "A1111" / "2024-01-31" / "webp.webp", other_with(A1111, "WEBP", 101))
    put(folder / "A1111" / "2024-01-31" / "avif.avif", other_with(A1111, "AVIF", 102))
    put(folder / "A1111" / "again.png", png_with(OF_PROGRAMS["A1111"][0], 0))
    put(folder / "A1111" / "cut.png", png_with(OF_PROGRAMS["A1111"][0], 9)[:900])
    put(folder / "A1111" / "cut.jpg", other_with(A1111, "JPEG", 103)[:-300])
    put(folder / "InvokeAI" / "thumbnails" / "00004.webp", other_with(A1111, "WEBP", 104))
    put(folder / ".hidden" / "x.png", png_with({}, 105))
    put(folder / "log.html", b"<p>no picture</p>")
    return folder
