"""``txt2img`` and ``img2img``: the answer comes when the pictures are made."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from studio.jobs import JobView
from studio.sdapi.answers import answer
from studio.sdapi.desk import Desk, DeskOf
from studio.sdapi.errands import Errand
from studio.sdapi.errors import sdapi_router
from studio.sdapi.making import Finished, discard, finished, make
from studio.sdapi.schemas import Generation, ImageToImage, TextToImage
from studio.sdapi.translation import Plan, plan_of
from studio.sdapi.upscaling import upscale

router = sdapi_router()


@router.post("/txt2img")
async def text_to_image(body: TextToImage, desk: DeskOf) -> dict[str, Any]:
    """Pictures from words, with a second pass by ``enable_hr``. They are kept in the gallery by ``save_images``."""
    return await _generate(body, desk)


@router.post("/img2img")
async def image_to_image(body: ImageToImage, desk: DeskOf) -> dict[str, Any]:
    """Pictures from pictures: with ``mask`` painted anew where it is white, with the script ``sd upscale`` enlarged in
    tiles.
    """
    return await _generate(body, desk)


async def _generate(body: Generation, desk: Desk) -> dict[str, Any]:
    plan = await asyncio.to_thread(plan_of, body, desk.studio, desk.owner)
    keep = body.save_images and not body.do_not_save_samples
    errand = Errand(body.force_task_id or uuid.uuid4().hex, desk.owner, plan.kind, plan.iterations)
    with desk.errands.running(errand):
        if plan.upscale is not None:
            made = await upscale(desk, errand, plan, plan.upscale, keep=keep)
            return await asyncio.to_thread(answer, body, plan, made, errand.began_at)
        orders = [(recipe, count) for _, recipe, count in plan.orders()]
        errand.iterations = len(orders)
        views = await make(desk, errand, orders, keep=keep)
    return await asyncio.to_thread(_answer, body, desk, plan, errand, views, keep)


def _answer(
    body: Generation, desk: Desk, plan: Plan, errand: Errand, views: list[JobView], keep: bool
) -> dict[str, Any]:
    try:
        made: list[Finished] = finished(desk, views)
        failed = [view.error or "" for view in views if view.failed]
        comments = [f"A picture could not be made: {reason}" for reason in failed]
        return answer(body, plan, made, errand.began_at, comments)
    finally:
        if not keep:
            discard(desk, views)
