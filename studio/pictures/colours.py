"""From whatever colours a file keeps to 8-bit sRGB: profiles, CMYK, palettes, greys of 16 bits.

Its notes say what was done beyond unpacking, in words for the person who chose the file.
"""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from PIL import Image as Pillow
from PIL import ImageCms

from studio.errors import InvalidField
from studio.pictures.picture import Bytes, Picture

SAME_COLOUR = 1
"""A profile that moves no colour by more than this (of 255) is sRGB in all but name; applying it would only round."""

_GREYS = ("1", "L", "LA", "La")


def in_srgb(image: Pillow.Image, field: str) -> tuple[Picture, list[str]]:
    """The decoded image as a picture, and notes on what was converted.

    Raises:
        InvalidField: 32 bits or floating point, whose range no file says.
    """
    notes: list[str] = []
    if image.mode in ("I", "F"):
        raise InvalidField(field, "has 32 bits a channel, and nothing says which value is white", "8 or 16 bits")
    if image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.uint32)
        alpha = _alpha_of_deep_grey(image, values)
        image_of_colours = Pillow.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
        notes.append("Its 16 bits were rounded to 8.")
    else:
        alpha = np.asarray(image.convert("RGBA").getchannel("A")) if image.has_transparency_data else None
        image_of_colours = _without_alpha(image)
    rgb = _profiled(image_of_colours, image.info.get("icc_profile"), notes)
    return Picture(np.asarray(rgb), alpha), notes


def _without_alpha(image: Pillow.Image) -> Pillow.Image:
    """Mode L, CMYK, LAB or RGB: those that a profile may speak of."""
    if image.mode in ("L", "CMYK", "LAB", "RGB"):
        return image
    if image.mode in _GREYS:
        return (image.convert("LA") if image.mode == "La" else image).convert("L")
    return image.convert("RGBA").convert("RGB")


def _alpha_of_deep_grey(image: Pillow.Image, values: np.ndarray[tuple[int, ...], np.dtype[np.uint32]]) -> Bytes | None:
    """Pillow knows no 16-bit grey with alpha; a PNG may still name one grey that is transparent."""
    transparent = image.info.get("transparency")
    if not isinstance(transparent, int):
        return None
    return np.where(values == transparent, 0, 255).astype(np.uint8)


def _profiled(image: Pillow.Image, profile: bytes | None, notes: list[str]) -> Pillow.Image:
    """The colours in sRGB, mode RGB: by the file's profile, else as sRGB, else by Pillow's plain formulas."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            transform = _transform(source, image.mode)
            if image.mode not in ("L", "RGB") or _moves_colours(transform, image.mode):
                notes.append(f"Its colours were converted from {_name(source)} to sRGB.")
                return _applied(transform, image)
        except (ImageCms.PyCMSError, OSError, ValueError):
            notes.append("Its colour profile cannot be used and was left out.")
    if image.mode == "LAB":
        return _applied(_transform(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB"), image)
    if image.mode == "CMYK":
        notes.append("Its inks (CMYK) were converted to sRGB without a profile, so colours may differ from print.")
    return image.convert("RGB")


def _transform(source: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        source,
        _srgb(),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _applied(transform: ImageCms.ImageCmsTransform, image: Pillow.Image) -> Pillow.Image:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None
    return converted


def _moves_colours(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Tried on every grey, or on a cube of 6 x 6 x 6 colours."""
    ramp = np.arange(256, dtype=np.uint8)[None]
    cube = np.stack(np.meshgrid(*[np.arange(0, 256, 51, dtype=np.uint8)] * 3), axis=-1).reshape(1, -1, 3)
    plain = Pillow.fromarray(ramp if mode == "L" else cube)
    moved = np.asarray(_applied(transform, plain)).astype(np.int16) - np.asarray(plain.convert("RGB"))
    return bool(np.abs(moved).max() > SAME_COLOUR)


def _name(profile: ImageCms.ImageCmsProfile) -> str:
    return ImageCms.getProfileDescription(profile).strip() or "its own colour profile"
