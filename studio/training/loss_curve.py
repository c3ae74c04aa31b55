"""A stage's losses as a small PNG. Owns the drawing; Pillow alone, so that training needs no plotting library."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

WIDTH_PX, HEIGHT_PX, MARGIN_PX = 640, 320, 44


def draw_loss_curve(losses: Sequence[float], title: str) -> bytes:
    """A PNG of the losses over steps on a logarithmic axis, with its ends labelled; losses of zero or less are left
    out.
    """
    picture = Image.new("RGB", (WIDTH_PX, HEIGHT_PX), "white")
    pen = ImageDraw.Draw(picture)
    right, bottom = WIDTH_PX - MARGIN_PX // 2, HEIGHT_PX - MARGIN_PX // 2
    pen.rectangle((MARGIN_PX, MARGIN_PX // 2, right, bottom), outline="gray")
    pen.text((MARGIN_PX + 6, 4), title, fill="black")
    points = [(index, math.log10(loss)) for index, loss in enumerate(losses) if loss > 0]
    if len(points) > 1:
        low, high = min(y for _, y in points), max(y for _, y in points)
        span = max(high - low, 1e-9)
        scale = (right - MARGIN_PX) / max(points[-1][0], 1)
        line = [
            (MARGIN_PX + x * scale, MARGIN_PX / 2 + (high - y) / span * (bottom - MARGIN_PX / 2)) for x, y in points
        ]
        pen.line(line, fill="royalblue", width=2)
        pen.text((2, MARGIN_PX // 2), f"{10**high:.3g}", fill="black")
        pen.text((2, bottom - 10), f"{10**low:.3g}", fill="black")
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()
