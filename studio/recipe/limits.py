"""What each number of a recipe may be, in one table that the model, the page, the docs and the REST schema share."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from studio.errors import InvalidField

SIZE_MULTIPLE_PX = 8
"""The autoencoder's factor: sizes are whole latent cells."""

MAX_SEED = 2**32 - 1
"""A1111's seeds are unsigned 32-bit integers; larger ones would not travel through its text."""

MAX_PROMPT_CHARACTERS = 20_000
"""About sixty chunks of 75 tokens; beyond it a pasted file is far likelier than a prompt."""


@dataclass(frozen=True)
class Limit:
    """The closed range of one numeric field, and whether it must be whole."""

    least: float
    most: float
    whole: bool = False

    def __str__(self) -> str:
        return f"{self.least:g} to {self.most:.0f}" if self.whole else f"{self.least:g} to {self.most:g}"

    def check(self, field: str, value: float) -> None:
        """Raise `InvalidField` unless ``value`` is finite and within the range."""
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidField(field, f"{value} is not a number", str(self))
        if not self.least <= value <= self.most:
            # A whole number from JSON may be too long for a float to hold.
            shown = f"{value:g}" if abs(value) < 1e300 else "a number of hundreds of digits"
            raise InvalidField(field, f"{shown} is out of range", str(self))


LIMITS: dict[str, Limit] = {
    "steps": Limit(1, 1000, whole=True),
    "guidance_scale": Limit(1, 100),
    "seed": Limit(-1, MAX_SEED, whole=True),
    "variation_seed": Limit(-1, MAX_SEED, whole=True),
    "variation_strength": Limit(0, 1),
    "seed_resize_width_px": Limit(0, 16384, whole=True),
    "seed_resize_height_px": Limit(0, 16384, whole=True),
    "width_px": Limit(64, 16384, whole=True),
    "height_px": Limit(64, 16384, whole=True),
    "clip_skip": Limit(1, 12, whole=True),
    "eta": Limit(0, 10),
    "eta_noise_seed_delta": Limit(0, MAX_SEED, whole=True),
    "denoising_strength": Limit(0, 1),
    "masked_padding_px": Limit(0, 1024, whole=True),
    "mask_grow_px": Limit(-512, 512, whole=True),
    "mask_blur_x_px": Limit(0, 256, whole=True),
    "mask_blur_y_px": Limit(0, 256, whole=True),
    "outpaint_left_px": Limit(0, 4096, whole=True),
    "outpaint_right_px": Limit(0, 4096, whole=True),
    "outpaint_top_px": Limit(0, 4096, whole=True),
    "outpaint_bottom_px": Limit(0, 4096, whole=True),
    "hires_scale": Limit(1, 8),
    "hires_width_px": Limit(0, 16384, whole=True),
    "hires_height_px": Limit(0, 16384, whole=True),
    "hires_steps": Limit(0, 1000, whole=True),
    "hires_denoising_strength": Limit(0, 1),
    "hires_guidance_scale": Limit(0, 100),
    "upscale": Limit(1, 8),
    "brightness": Limit(-1, 1),
    "contrast": Limit(-1, 1),
    "saturation": Limit(-1, 1),
    "temperature": Limit(-1, 1),
    "sharpness": Limit(-1, 1),
}

_SHA256 = re.compile(r"[0-9a-f]{64}")
_IMAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_size(field: str, pixels: int, most_px: int) -> None:
    """Raise `InvalidField` unless a side is a multiple of 8 between 64 and ``most_px`` pixels."""
    allowed = f"multiples of {SIZE_MULTIPLE_PX} from 64 to {most_px}"
    if not 64 <= pixels <= most_px or pixels % SIZE_MULTIPLE_PX:
        raise InvalidField(field, f"{pixels} is not a possible size", allowed)


def check_prompt(field: str, text: str) -> None:
    """Raise `InvalidField` for a prompt that is too long or holds characters no file can keep."""
    if len(text) > MAX_PROMPT_CHARACTERS:
        most = f"up to {MAX_PROMPT_CHARACTERS:,} characters"
        raise InvalidField(field, f"{len(text):,} characters are too many", most)
    if "\x00" in text:
        raise InvalidField(field, "contains a NUL character", "text")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidField(field, "contains half of a surrogate pair, which no file can keep", "text")


def check_sha256(field: str, text: str) -> None:
    """Raise `InvalidField` unless ``text`` is empty or the name of a stored picture."""
    if text and not _SHA256.fullmatch(text):
        raise InvalidField(field, f"{text[:70]!r} is not a stored picture", "the sha256 that storing it answered")


def check_image_id(field: str, text: str) -> None:
    """Raise `InvalidField` unless ``text`` is empty or can be the id of a picture in a gallery."""
    if text and not _IMAGE_ID.fullmatch(text):
        raise InvalidField(field, f"{text[:70]!r} is not the id of a picture", "the id that the gallery gives it")
