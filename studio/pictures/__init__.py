"""Pictures as pixels: read from people's files, resized, masked, inpainted, corrected, adjusted, and written as PNG.

It is numpy and pillow alone, so the web process checks what the worker computes with the same code. It refuses to know
networks, latents and files on the disk: bytes come in, bytes go out.
"""

from __future__ import annotations

from studio.pictures.adjustments import adjusted
from studio.pictures.colour_correction import colour_corrected
from studio.pictures.files import mask_png, to_png
from studio.pictures.infill import infilled, opaque
from studio.pictures.inpainting import Inpainting
from studio.pictures.intake import MAX_PIXELS, ReadPicture, read_mask, read_picture
from studio.pictures.picture import Picture
from studio.pictures.sizes import enlarged, extended, resized

__all__ = [
    "MAX_PIXELS",
    "Inpainting",
    "Picture",
    "ReadPicture",
    "adjusted",
    "colour_corrected",
    "enlarged",
    "extended",
    "infilled",
    "mask_png",
    "opaque",
    "read_mask",
    "read_picture",
    "resized",
    "to_png",
]
