"""A picture in memory: 8-bit sRGB colours, and alpha where a part of it is not opaque.

It is made of numpy arrays, so that the web process and the worker speak of the same thing without torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from studio.pictures.region import Region
from studio.recipe.events import Pixels

OPAQUE = 255

Bytes = NDArray[np.uint8]
"""An array of 8-bit values; the axes are said where it is used."""

Floats = NDArray[np.float32]
"""An array of 32-bit floats; the axes are said where it is used."""


@dataclass(frozen=True, eq=False)
class Picture:
    """``rgb`` is (height, width, 3) uint8 in sRGB; ``alpha`` (height, width) uint8, 255 opaque; ``None``: all is.

    Colours are not multiplied by alpha: what is transparent may still have one.
    """

    rgb: Bytes
    alpha: Bytes | None = None

    def __post_init__(self) -> None:
        assert self.rgb.dtype == np.uint8 and self.rgb.ndim == 3 and self.rgb.shape[2] == 3
        assert self.alpha is None or (self.alpha.dtype == np.uint8 and self.alpha.shape == self.rgb.shape[:2])

    @property
    def width_px(self) -> int:
        return int(self.rgb.shape[1])

    @property
    def height_px(self) -> int:
        return int(self.rgb.shape[0])

    def cut(self, region: Region) -> Picture:
        """The part of it in a region, on the same memory."""
        return Picture(self.rgb[region.place], None if self.alpha is None else self.alpha[region.place])

    @classmethod
    def from_pixels(cls, pixels: Pixels) -> Picture:
        """The picture an event carries."""
        size = (pixels.height_px, pixels.width_px)
        rgb = np.frombuffer(pixels.data, np.uint8).reshape(*size, 3)
        return cls(rgb, None if pixels.alpha is None else np.frombuffer(pixels.alpha, np.uint8).reshape(size))

    def to_pixels(self) -> Pixels:
        """The picture as an event carries it."""
        alpha = None if self.alpha is None else self.alpha.tobytes()
        return Pixels(self.width_px, self.height_px, self.rgb.tobytes(), alpha)

    @classmethod
    def from_pillow(cls, image: Pillow.Image) -> Picture:
        """The picture of a Pillow image of mode RGB or RGBA."""
        values = np.asarray(image)
        if image.mode == "RGBA":
            return cls(np.ascontiguousarray(values[..., :3]), np.ascontiguousarray(values[..., 3]))
        assert image.mode == "RGB"
        return cls(values)

    def to_pillow(self) -> Pillow.Image:
        """A Pillow image of mode RGB, or RGBA where there is alpha."""
        image = Pillow.fromarray(self.rgb)
        if self.alpha is not None:
            image.putalpha(Pillow.fromarray(self.alpha))
        return image
