"""Finished pictures enlarged, and what a picture says of itself. Enlarging is a job in the queue as any other."""

from __future__ import annotations

import asyncio
import html
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image as Pillow

from studio.errors import InvalidField
from studio.pictures import MAX_PIXELS, Picture, enlarged, read_picture, resized
from studio.pictures.region import Region
from studio.pictures.texts import texts_in
from studio.recipe import Mode, Recipe, ResizeMode
from studio.recipe.finish import PLAIN_UPSCALERS
from studio.recipe.flat_parameters import flat_parameters
from studio.recipe.limits import LIMITS
from studio.recipe.metadata import INFOTEXT_KEYWORD, RECIPE_KEYWORD
from studio.recipe.sizes import LEAST_PX
from studio.sdapi.desk import Desk, DeskOf
from studio.sdapi.errands import Errand
from studio.sdapi.errors import Refusal, sdapi_router
from studio.sdapi.fields import named_as_sent
from studio.sdapi.images import bytes_of, encoded_png
from studio.sdapi.making import Order, discard, finished, make
from studio.sdapi.schemas import ExtraBatch, Extras, ExtraSingle, ImageOnly, Interrogation
from studio.sdapi.starts import stored

router = sdapi_router()

POSTPROCESSING = "postprocessing"
"""Under this name A1111 writes down what extras did; what the picture was made with stays beside it."""


@dataclass(frozen=True, eq=False)
class _Given:
    """A picture that was sent, what it says of itself, and by how much it is to grow."""

    picture: Picture
    texts: Mapping[str, str]
    factor: float


@router.post("/extra-single-image")
async def enlarge_one(body: ExtraSingle, desk: DeskOf) -> dict[str, Any]:
    """One picture enlarged: by a factor (``resize_mode`` 0), or to a size (1). Its own texts stay with it."""
    (image,), said = await _enlarge(desk, body, {"image": body.image})
    return {"html_info": f"<p>{html.escape(said)}</p>", "image": image}


@router.post("/extra-batch-images")
async def enlarge_several(body: ExtraBatch, desk: DeskOf) -> dict[str, Any]:
    """Several pictures enlarged alike."""
    most = desk.studio.settings.max_count
    if not 1 <= len(body.image_list) <= most:
        raise InvalidField("imageList", f"{len(body.image_list)} pictures cannot be enlarged at once", f"1 to {most}")
    images, said = await _enlarge(desk, body, {f"imageList.{i}": one.data for i, one in enumerate(body.image_list)})
    return {"html_info": f"<p>{html.escape(said)}</p>", "images": images}


@router.post("/png-info")
def png_info(body: ImageOnly, desk: DeskOf) -> dict[str, Any]:
    """What a picture says of how it was made: A1111's text, its other texts, and the text as a dictionary."""
    if not body.image.strip():
        return {"info": "", "items": {}, "parameters": {}}
    texts = texts_in(bytes_of(body.image, "image", desk.studio.settings.max_upload_mb * 1_000_000), "image")
    text = texts.pop(INFOTEXT_KEYWORD, "")
    return {"info": text, "items": texts, "parameters": flat_parameters(text)}


@router.post("/interrogate")
def interrogate(body: Interrogation, desk: DeskOf) -> dict[str, Any]:
    """A picture in words: there is no captioner here, so the answer is always 404."""
    if not body.image.strip():
        raise Refusal(404, "Image not found", "image: send a picture in base64.")
    raise Refusal(404, "Model not found", f"model: no captioner is installed, neither {body.model[:40]!r} nor another.")


async def _enlarge(desk: Desk, body: Extras, images: Mapping[str, str]) -> tuple[list[str], str]:
    given = await asyncio.to_thread(_read, desk, body, images)
    upscalers = await asyncio.to_thread(_upscalers, desk, body)
    errand = Errand(uuid.uuid4().hex, desk.owner, "extras", len(given) * max(1, len(upscalers)))
    with desk.errands.running(errand):
        larger = [await _by(desk, errand, given, upscaler) for upscaler in upscalers]
    said = _said(body, upscalers)
    shown = []
    for place, one in enumerate(given):
        picture = larger[0][place] if larger else one.picture
        if len(larger) > 1:
            picture = _mixed(picture, larger[1][place], body.extras_upscaler_2_visibility)
        if body.resize_mode == 1 and larger:
            picture = _sized(picture, body)
        kept = {name: text for name, text in one.texts.items() if name in (INFOTEXT_KEYWORD, RECIPE_KEYWORD)}
        shown.append(encoded_png(picture.to_pillow(), {**kept, **({POSTPROCESSING: said} if said else {})}))
    return shown, said


def _read(desk: Desk, body: Extras, images: Mapping[str, str]) -> list[_Given]:
    given: list[_Given] = []
    for field, text in images.items():
        given.append(_given(desk, body, field, text))
        if sum(one.picture.width_px * one.picture.height_px for one in given) > MAX_PIXELS:
            raise InvalidField(field, "with those before it that is too much at once", f"{MAX_PIXELS} pixels in all")
    return given


def _given(desk: Desk, body: Extras, field: str, text: str) -> _Given:
    data = bytes_of(text, field, desk.studio.settings.max_upload_mb * 1_000_000)
    picture = read_picture(data, field).picture
    factor = body.upscaling_resize
    if body.resize_mode == 1:
        factor = max(body.upscaling_resize_w / picture.width_px, body.upscaling_resize_h / picture.height_px)
    if factor > LIMITS["upscale"].most:
        raise InvalidField(
            "upscaling_resize", f"{factor:g} times is too much", f"up to {LIMITS['upscale'].most:g} times"
        )
    return _Given(picture, texts_in(data, field), factor)


def _upscalers(desk: Desk, body: Extras) -> list[str]:
    """The upscalers to use, the first one first; none for a first one that is "None", as in A1111."""
    if body.resize_mode not in (0, 1):
        raise InvalidField("resize_mode", f"{str(body.resize_mode)[:20]} is none", "0 (by a factor), 1 (to a size)")
    for name in ("gfpgan_visibility", "codeformer_visibility"):
        if getattr(body, name) > 0:
            raise InvalidField(name, "there is no face restorer here", "0")
    found = []
    for name, counts in ((body.upscaler_1, True), (body.upscaler_2, body.extras_upscaler_2_visibility > 0)):
        facts = desk.studio.offer.upscaler(name or "None", latent=False)
        if facts.name == "None":
            break
        found += [facts.name] if counts else []
    return found


async def _by(desk: Desk, errand: Errand, given: list[_Given], upscaler: str) -> list[Picture]:
    """The pictures enlarged by one upscaler; those that do not grow need none, tiny ones no job."""
    growing = [one for one in given if one.factor > 1 and not _is_tiny(one, upscaler)]
    with named_as_sent():
        orders = await asyncio.to_thread(lambda: [_order(desk, one, upscaler) for one in growing])
    views = await make(desk, errand, orders, keep=False)
    made = await asyncio.to_thread(finished, desk, views)
    await asyncio.to_thread(discard, desk, views)
    if len(made) < len(growing):
        raise Refusal(409, "It was interrupted.", "It was interrupted before all pictures were enlarged.")
    larger = iter(read_picture(one.png).picture for one in made)
    return [next(larger) if one in growing else _sized_here(one, upscaler) for one in given]


def _order(desk: Desk, one: _Given, upscaler: str) -> Order:
    source = stored(desk.studio, desk.owner, one.picture)
    return Recipe(mode=Mode.FINISH, source=source, upscaler=upscaler, upscale=one.factor), 1


def _is_tiny(one: _Given, upscaler: str) -> bool:
    """Whether a side is shorter than any recipe's: icons and sprites, plainly enlarged."""
    return upscaler in PLAIN_UPSCALERS and min(one.picture.width_px, one.picture.height_px) < LEAST_PX


def _sized_here(one: _Given, upscaler: str) -> Picture:
    size = max(1, round(one.picture.width_px * one.factor)), max(1, round(one.picture.height_px * one.factor))
    return enlarged(one.picture, *size, upscaler if upscaler in PLAIN_UPSCALERS else "Lanczos")


def _mixed(first: Picture, second: Picture, share: float) -> Picture:
    return Picture.from_pillow(Pillow.blend(first.to_pillow(), second.to_pillow(), share))


def _sized(picture: Picture, body: Extras) -> Picture:
    """Cut to the asked size about its middle, where it is to be; rounding may leave a pixel to stretch."""
    width_px, height_px = body.upscaling_resize_w, body.upscaling_resize_h
    if not body.upscaling_crop:
        return picture
    left, top = max(0, (picture.width_px - width_px) // 2), max(0, (picture.height_px - height_px) // 2)
    region = Region(left, top, left + width_px, top + height_px).within(picture.width_px, picture.height_px)
    return resized(picture.cut(region), width_px, height_px, ResizeMode.STRETCH)


def _said(body: Extras, upscalers: list[str]) -> str:
    if not upscalers:
        return ""
    size = (
        f"Postprocess upscale to: {body.upscaling_resize_w}x{body.upscaling_resize_h}"
        if body.resize_mode == 1
        else f"Postprocess upscale by: {body.upscaling_resize:g}"
    )
    second = f", Postprocess upscaler 2: {upscalers[1]}" if len(upscalers) > 1 else ""
    return f"{size}, Postprocess upscaler: {upscalers[0]}{second}"
