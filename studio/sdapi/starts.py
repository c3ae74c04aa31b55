"""What image to image starts from: sources and mask taken in, stored for their owner, and named in recipe fields.

Sizes are A1111's: painting the whole picture brings source and mask to the asked size first, painting only the masked
part leaves the source as large as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image as Pillow

from studio.errors import InvalidField
from studio.pictures import Picture, mask_png, read_mask, resized, to_png
from studio.pictures.mask import PAINTED, WHITE
from studio.pictures.picture import Bytes
from studio.recipe import InpaintArea, MaskedContent, Mode, Recipe, ResizeMode
from studio.recipe.limits import check_size
from studio.sdapi.errors import Refusal
from studio.sdapi.fields import OF_MASKS
from studio.sdapi.images import bytes_of, flattened, picture_of
from studio.sdapi.options import Chosen
from studio.sdapi.schemas import ImageToImage
from studio.services import Studio

Start = dict[str, Any]
"""Fields of a recipe about one source."""

STRENGTH = 0.75
"""A1111's, where none is asked for."""

RESIZE_MODES = (ResizeMode.STRETCH, ResizeMode.CROP, ResizeMode.FILL, ResizeMode.LATENT)
FILLS = (MaskedContent.FILL, MaskedContent.ORIGINAL, MaskedContent.LATENT_NOISE, MaskedContent.LATENT_NOTHING)


_SENT_AS = {
    "denoising_strength": ("denoising_strength",),
    "resize_mode": ("resize_mode",),
    "masked_content": ("inpainting_fill",),
    "inpaint_area": ("inpaint_full_res",),
    "masked_padding_px": ("inpaint_full_res_padding",),
    "mask_invert": ("inpainting_mask_invert",),
    "mask_blur_x_px": ("mask_blur_x", "mask_blur"),
    "mask_blur_y_px": ("mask_blur_y", "mask_blur"),
}


def start_fields(
    request: ImageToImage, studio: Studio, owner: str, chosen: Chosen, fields: Start, comments: list[str]
) -> tuple[Start, ...]:
    """Fields for each source, all of them stored; ``fields`` are those of the recipe so far, which an infotext may
    have brought.

    Raises:
        Refusal: there is no source (404).
        InvalidField, TooLarge: a picture that cannot be read, or a mode that there is not.
    """
    if not request.init_images:
        raise Refusal(404, "Init image not found", "init_images: send at least one picture in base64.")
    if len(request.init_images) > studio.settings.max_count:
        raise InvalidField("init_images", "too many pictures at once", f"up to {studio.settings.max_count}")
    most_bytes = studio.settings.max_upload_mb * 1_000_000
    given = request.model_fields_set
    kept = {name: fields[name] for name, sent in _SENT_AS.items() if name in fields and not given.intersection(sent)}
    asked = Recipe(**{**_asked(request), **kept})
    mask = _mask(request, asked, most_bytes, bool(fields.get("soft_inpainting")), comments)
    fields["soft_inpainting"] = bool(fields.get("soft_inpainting")) and mask is not None
    size = fields["width_px"], fields["height_px"]
    for name, side_px in zip(("width_px", "height_px"), size, strict=True):
        check_size(name, side_px, studio.settings.max_side_px)
    starts = []
    for place, text in enumerate(request.init_images):  # one at a time: each may fill hundreds of megabytes
        picture = picture_of(text, f"init_images.{place}", most_bytes)
        picture = flattened(picture, chosen["img2img_background_color"])
        starts.append(_start(studio, owner, asked, picture, mask, size))
    return tuple(starts)


def _start(
    studio: Studio, owner: str, asked: Recipe, source: Picture, mask: Bytes | None, size: tuple[int, int]
) -> Start:
    start: Start = {name: getattr(asked, name) for name in _SENT_AS}
    if mask is None:
        return {**start, "mode": Mode.IMAGE, "source": stored(studio, owner, source)}
    if asked.inpaint_area is InpaintArea.WHOLE:
        source, mask = resized(source, *size, asked.resize_mode), _resized_mask(mask, *size, asked.resize_mode)
    if mask.shape != (source.height_px, source.width_px):
        mask = _resized_mask(mask, source.width_px, source.height_px, ResizeMode.STRETCH)
    sha256 = studio.sources.put_mask(mask_png(mask)).sha256
    studio.belongings.add(owner, sha256)
    start |= {"mode": Mode.INPAINT, "resize_mode": ResizeMode.STRETCH, "mask": sha256}
    return {**start, "source": stored(studio, owner, source)}


def stored(studio: Studio, owner: str, picture: Picture) -> str:
    """Keep a picture as ``owner``'s source; answers its hash."""
    sha256 = studio.sources.put_picture(to_png(picture)).sha256
    studio.belongings.add(owner, sha256)
    return sha256


def _mask(request: ImageToImage, asked: Recipe, most_bytes: int, is_soft: bool, comments: list[str]) -> Bytes | None:
    """The mask, white where to paint; ``None`` without one, and where it leaves only-masked nothing to look at."""
    if not request.mask:
        return None
    mask = read_mask(bytes_of(request.mask, "mask", most_bytes), "mask")
    most = WHITE - int(mask.min()) if asked.mask_invert else int(mask.max())
    if asked.inpaint_area is InpaintArea.MASKED and most < (1 if is_soft else PAINTED):
        comments.append('Unable to perform "Inpaint Only mask" because mask is blank, switch to img2img mode.')
        return None
    return mask


def _asked(request: ImageToImage) -> Start:
    strength = request.denoising_strength
    fields: Start = {target: getattr(request, name) for name, target in OF_MASKS.items()}
    if request.mask_blur is not None:
        fields["mask_blur_x_px"] = fields["mask_blur_y_px"] = request.mask_blur
    return {
        **fields,
        "denoising_strength": STRENGTH if strength is None else strength,
        "resize_mode": _one_of("resize_mode", request.resize_mode, RESIZE_MODES),
        "masked_content": _one_of("inpainting_fill", request.inpainting_fill, FILLS),
        "inpaint_area": InpaintArea.MASKED if request.inpaint_full_res else InpaintArea.WHOLE,
        "mask_invert": bool(request.inpainting_mask_invert),
    }


def _one_of(name: str, place: int, values: tuple[Any, ...]) -> Any:
    if not 0 <= place < len(values):
        allowed = ", ".join(f"{index} ({value.value})" for index, value in enumerate(values))
        raise InvalidField(name, f"{str(place)[:20]} is none of them", allowed)
    return values[place]


def _resized_mask(mask: Bytes, width_px: int, height_px: int, mode: ResizeMode) -> Bytes:
    grey = Picture.from_pillow(Pillow.fromarray(mask).convert("RGB"))
    return np.ascontiguousarray(resized(grey, width_px, height_px, mode).rgb[..., 0])
