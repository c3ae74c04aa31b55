"""QR codes as pictures that can stand in a page."""

from __future__ import annotations

import segno


def qr_code(text: str) -> str:
    """The QR code of ``text`` as a ``data:`` address of an SVG, dark on white whatever is around it."""
    return str(segno.make(text, micro=False).svg_data_uri(scale=4, border=2, light="#fff"))
