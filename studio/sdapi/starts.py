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
from studio.recipe import InpaintArea, MaskedContent, Mode, ResizeMode
from studio.sdapi.errors import Refusal
from studio.sdapi.fields import OF_MASKS
from studio.sdapi.images import bytes_of, flattened, picture_of
from studio.sdapi.options import Chosen
from studio.sdapi.schemas import ImageToImage
from studio.services import Studio

Start = dict[str, Any]
"""Fields of a recipe about one source."""

RESIZE_MODES = (ResizeMode.STRETCH, ResizeMode.CROP, ResizeMode.FILL, ResizeMode.LATENT)
FILLS = (MaskedContent.FILL, MaskedContent.ORIGINAL, MaskedContent.LATENT_NOISE, MaskedContent.LATENT_NOTHING)


def start_fields(
    request: ImageToImage, studio: Studio, owner: str, chosen: Chosen, fields: Start, comments: list[str]
) -> tuple[Start, ...]:
    """Fields for each source, all of them stored.

    Raises:
        Refusal: there is no source (404).
        InvalidField, TooLarge: a picture that cannot be read, or a mode that there is not.
    """
    if not request.init_images:
        raise Refusal(404, "Init image not found", "init_images: send at least one picture in base64.")
    if len(request.init_images) > studio.settings.max_count:
        raise InvalidField("init_images", "too many pictures at once", f"up to {studio.settings.max_count}")
    most_bytes = studio.settings.max_upload_mb * 1_000_000
    mode = _one_of("resize_mode", request.resize_mode, RESIZE_MODES)
    background = chosen["img2img_background_color"]
    sources = [
        flattened(picture_of(text, f"init_images.{place}", most_bytes), background)
        for place, text in enumerate(request.init_images)
    ]
    strength = request.denoising_strength
    shared: Start = {"denoising_strength": 0.75 if strength is None else strength, "resize_mode": mode}
    mask = _mask(request, most_bytes, bool(fields.get("soft_inpainting")), comments)
    if mask is None:
        fields["soft_inpainting"] = False
        return tuple({**shared, "mode": Mode.IMAGE, "source": stored(studio, owner, source)} for source in sources)
    of_mask = {**_mask_fields(request), "mode": Mode.INPAINT, "resize_mode": ResizeMode.STRETCH}
    shared = {**shared, **of_mask}
    if not request.inpaint_full_res:
        size = fields["width_px"], fields["height_px"]
        sources = [resized(source, *size, mode) for source in sources]
        mask = _resized_mask(mask, *size, mode)
    return tuple(_with_mask(studio, owner, source, mask, shared) for source in sources)


def stored(studio: Studio, owner: str, picture: Picture) -> str:
    """Keep a picture as ``owner``'s source; answers its hash."""
    sha256 = studio.sources.put_picture(to_png(picture)).sha256
    studio.belongings.add(owner, sha256)
    return sha256


def _with_mask(studio: Studio, owner: str, source: Picture, mask: Bytes, shared: Start) -> Start:
    if mask.shape != (source.height_px, source.width_px):
        mask = _resized_mask(mask, source.width_px, source.height_px, ResizeMode.STRETCH)
    sha256 = studio.sources.put_mask(mask_png(mask)).sha256
    studio.belongings.add(owner, sha256)
    return {**shared, "source": stored(studio, owner, source), "mask": sha256}


def _mask(request: ImageToImage, most_bytes: int, is_soft: bool, comments: list[str]) -> Bytes | None:
    """The mask, white where to paint; ``None`` without one, and where it leaves only-masked nothing to look at."""
    if not request.mask:
        return None
    mask = read_mask(bytes_of(request.mask, "mask", most_bytes), "mask")
    most = WHITE - int(mask.min()) if request.inpainting_mask_invert else int(mask.max())
    if request.inpaint_full_res and most < (1 if is_soft else PAINTED):
        comments.append('Unable to perform "Inpaint Only mask" because mask is blank, switch to img2img mode.')
        return None
    return mask


def _mask_fields(request: ImageToImage) -> Start:
    fields = {target: getattr(request, name) for name, target in OF_MASKS.items()}
    if request.mask_blur is not None:
        fields["mask_blur_x_px"] = fields["mask_blur_y_px"] = request.mask_blur
    fields["masked_content"] = _one_of("inpainting_fill", request.inpainting_fill, FILLS)
    fields["mask_invert"] = bool(request.inpainting_mask_invert)
    fields["inpaint_area"] = InpaintArea.MASKED if request.inpaint_full_res else InpaintArea.WHOLE
    return fields


def _one_of(name: str, place: int, values: tuple[Any, ...]) -> Any:
    if not 0 <= place < len(values):
        allowed = ", ".join(f"{index} ({value.value})" for index, value in enumerate(values))
        raise InvalidField(name, f"{str(place)[:20]} is none of them", allowed)
    return values[place]


def _resized_mask(mask: Bytes, width_px: int, height_px: int, mode: ResizeMode) -> Bytes:
    grey = Picture.from_pillow(Pillow.fromarray(mask).convert("RGB"))
    return np.ascontiguousarray(resized(grey, width_px, height_px, mode).rgb[..., 0])
