"""Several pictures in one file: a ZIP of the originals, or a contact sheet of their thumbnails.

A ZIP is written as it is read, so its size costs no memory. Nothing here changes a picture.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from studio.errors import InvalidField

MOST_IN_ZIP = 5000
MOST_ON_SHEET = 400
MOST_COLUMNS = 10
CELL_PX = 240
GAP_PX = 12
CAPTION_PX = 22
GROUND, INK = (250, 250, 250), (60, 60, 66)
CHUNK_BYTES = 1 << 20


class _Outflow(io.RawIOBase):
    """A file that cannot be gone back in: `zipfile` writes to its end, and what it wrote is taken away."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self._waiting += memoryview(data)  # type: ignore[arg-type]
        return len(memoryview(data))  # type: ignore[arg-type]

    def take(self) -> bytes:
        """What was written since the last time."""
        data = bytes(self._waiting)
        self._waiting.clear()
        return data


def zipped(files: Sequence[Path]) -> Iterator[bytes]:
    """A ZIP of files under their own names, piece by piece; not packed further, since PNG is packed already.

    A file that is gone by the time it is its turn is left out. Raises `InvalidField` for too many, before it begins.
    """
    check_count(len(files), MOST_IN_ZIP)
    return _pieces(files)


def _pieces(files: Sequence[Path]) -> Iterator[bytes]:
    out = _Outflow()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as bundle:
        for file in files:
            try:
                entry, source = zipfile.ZipInfo.from_file(file, file.name), file.open("rb")
            except OSError:
                continue
            with source, bundle.open(entry, "w", force_zip64=True) as target:
                while piece := source.read(CHUNK_BYTES):
                    target.write(piece)
                    yield out.take()
    yield out.take()


def contact_sheet(pictures: Sequence[tuple[Path, str]]) -> bytes:
    """A JPEG of thumbnails in rows, each with its caption. Raises `InvalidField` for too many."""
    check_count(len(pictures), MOST_ON_SHEET)
    columns = min(MOST_COLUMNS, math.ceil(math.sqrt(len(pictures))))
    rows = math.ceil(len(pictures) / columns)
    across, down = CELL_PX + GAP_PX, CELL_PX + CAPTION_PX + GAP_PX
    sheet = Pillow.new("RGB", (columns * across + GAP_PX, rows * down + GAP_PX), GROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for place, (file, caption) in enumerate(pictures):
        left, top = GAP_PX + place % columns * across, GAP_PX + place // columns * down
        with Pillow.open(file) as picture:
            picture.thumbnail((CELL_PX, CELL_PX))
            x, y = left + (CELL_PX - picture.width) // 2, top + (CELL_PX - picture.height) // 2
            sheet.paste(picture.convert("RGB"), (x, y))
        draw.text((left, top + CELL_PX + 4), _fitting(caption, font), INK, font)
    file_bytes = io.BytesIO()
    sheet.save(file_bytes, "JPEG", quality=90)
    return file_bytes.getvalue()


def check_count(count: int, most: int) -> None:
    """Refuse more than fit. Raises `InvalidField`."""
    if not 1 <= count <= most:
        raise InvalidField("ids", f"{count:,} pictures do not fit", f"1 to {most:,}")


def _fitting(caption: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    clean = caption.encode("latin-1", "replace").decode("latin-1")
    while clean and font.getlength(clean) > CELL_PX:
        clean = clean[:-1]
    return clean
