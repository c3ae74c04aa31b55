"""``sd upscale``: a picture enlarged, then made anew tile by tile, and put together without a seam.

Each tile is a job of its own in the queue, so other people's pictures go on in between. Seeds count up from tile to
tile, as A1111's do.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence

from studio.errors import InvalidField
from studio.jobs import JobView
from studio.pictures import Picture, enlarged, read_picture, to_png
from studio.pictures.region import Region
from studio.pictures.sizes import resized
from studio.pictures.tiles import Joining, tile_regions
from studio.recipe import Mode, Recipe, ResizeMode
from studio.recipe.finish import PLAIN_UPSCALERS
from studio.recipe.limits import MAX_SEED, SIZE_MULTIPLE_PX
from studio.recipe.metadata import INFOTEXT_KEYWORD, to_png_text
from studio.sdapi.desk import Desk
from studio.sdapi.errands import Errand
from studio.sdapi.making import Finished, Order, discard, finished, make
from studio.sdapi.scripts import SdUpscale
from studio.sdapi.starts import stored
from studio.sdapi.translation import Plan

MOST_TILES = 256


async def upscale(desk: Desk, errand: Errand, plan: Plan, asked: SdUpscale, *, keep: bool) -> list[Finished]:
    """The pictures of an ``sd upscale``, one an iteration; those of an interrupted one are left out.

    Raises:
        InvalidField: an overlap as large as a tile, or too many tiles.
        StudioError: what ordering and making raise.
    """
    made: list[Finished] = []
    larger = await _larger(desk, errand, plan, asked)
    regions = _regions(larger, plan.recipe, asked.overlap_px)
    tiles = await asyncio.to_thread(_stored_tiles, desk, larger, regions) if larger else []
    errand.iterations = plan.iterations * len(tiles)
    for iteration in range(plan.iterations):
        if errand.is_interrupted or larger is None:
            break
        views = await make(desk, errand, _orders(plan, tiles, regions, iteration), keep=keep, are_parts=True)
        parts = await asyncio.to_thread(finished, desk, views)
        try:
            if len(parts) == len(tiles):
                made.append(await asyncio.to_thread(_joined, desk, plan, asked, larger, regions, parts, keep))
        finally:
            await asyncio.to_thread(discard, desk, views)
    return made


async def _larger(desk: Desk, errand: Errand, plan: Plan, asked: SdUpscale) -> Picture | None:
    """The source at its new size; ``None`` where it was interrupted on the way."""
    sha256 = plan.starts[0]["source"]
    source = read_picture(desk.studio.sources.path(sha256).read_bytes()).picture
    if asked.factor == 1 or asked.upscaler == "None":
        return source
    if asked.upscaler in PLAIN_UPSCALERS:
        size = round(source.width_px * asked.factor), round(source.height_px * asked.factor)
        _check_size(desk, *size)
        return await asyncio.to_thread(enlarged, source, *size, asked.upscaler)
    recipe = Recipe(mode=Mode.FINISH, source=sha256, upscaler=asked.upscaler, upscale=asked.factor)
    views: Sequence[JobView] = await make(desk, errand, [(recipe, 1)], keep=False)
    found = await asyncio.to_thread(finished, desk, views)
    await asyncio.to_thread(discard, desk, views)
    return read_picture(found[0].png).picture if found else None


def _check_size(desk: Desk, width_px: int, height_px: int) -> None:
    most_px = desk.studio.settings.max_side_px
    if max(width_px, height_px) > most_px:
        raise InvalidField("script_args.3", f"would make {width_px}x{height_px}", f"sides up to {most_px}")


def _regions(larger: Picture | None, recipe: Recipe, overlap_px: int) -> list[Region]:
    if larger is None:
        return []
    tile = recipe.width_px or 0, recipe.height_px or 0
    if overlap_px >= min(tile):
        raise InvalidField(
            "script_args.1", f"tiles of {tile[0]}x{tile[1]} cannot overlap so far", f"up to {min(tile) // 2}"
        )
    regions = list(tile_regions((larger.width_px, larger.height_px), tile, overlap_px))
    if len(regions) > MOST_TILES:
        raise InvalidField(
            "width", f"that takes {len(regions)} tiles", f"up to {MOST_TILES}: larger ones, or a smaller factor"
        )
    return regions


def _stored_tiles(desk: Desk, larger: Picture, regions: Sequence[Region]) -> list[str]:
    return [stored(desk.studio, desk.owner, larger.cut(region)) for region in regions]


def _orders(plan: Plan, tiles: Sequence[str], regions: Sequence[Region], iteration: int) -> list[Order]:
    recipe = plan.recipe.with_fields({**plan.starts[0], "mask": ""})
    moved = "variation_seed" if recipe.variation_strength > 0 else "seed"
    orders = []
    for place, (sha256, region) in enumerate(zip(tiles, regions, strict=True)):
        fields = {
            "mode": Mode.IMAGE,
            "source": sha256,
            "resize_mode": ResizeMode.STRETCH,
            "width_px": _cells(region.width_px),
            "height_px": _cells(region.height_px),
            moved: (getattr(recipe, moved) + iteration + place) % (MAX_SEED + 1),
        }
        orders.append((recipe.with_fields(fields), 1))
    return orders


def _cells(pixels: int) -> int:
    """The least size in whole latent cells that holds it."""
    return max(64, -(-pixels // SIZE_MULTIPLE_PX) * SIZE_MULTIPLE_PX)


def _joined(
    desk: Desk,
    plan: Plan,
    asked: SdUpscale,
    larger: Picture,
    regions: Sequence[Region],
    parts: Sequence[Finished],
    keep: bool,
) -> Finished:
    joining = Joining((larger.width_px, larger.height_px), asked.overlap_px)
    for region, part in zip(regions, parts, strict=True):
        tile = read_picture(part.png).picture
        joining.lay(region, resized(tile, region.width_px, region.height_px, ResizeMode.STRETCH).rgb)
    picture = joining.picture()
    recipe = parts[0].recipe.model_copy(update={"source": plan.starts[0]["source"]})
    notes = {"SD upscale overlap": str(asked.overlap_px), "SD upscale upscaler": asked.upscaler}
    text = to_png_text(recipe, notes)
    if keep:
        image = desk.studio.gallery.add(picture.to_pixels(), recipe, notes, desk.owner, uuid.uuid4().hex, 0)
        return Finished(recipe, image.infotext, desk.studio.gallery.file(desk.owner, image.id).read_bytes())
    return Finished(recipe, text[INFOTEXT_KEYWORD], to_png(picture, text))
