"""How far the caller's requests are, and stopping them: not anybody else's, nor what the page makes."""

from __future__ import annotations

import contextlib
import io
import time
from typing import Any

from fastapi import Query
from PIL import Image as Pillow

from studio.accounts import ClientOptions
from studio.errors import NotFound
from studio.jobs import JobView
from studio.recipe.events import JobState
from studio.sdapi.desk import Desk, DeskOf
from studio.sdapi.errands import Errand
from studio.sdapi.errors import sdapi_router
from studio.sdapi.images import encoded, encoded_png
from studio.sdapi.making import cancel
from studio.sdapi.options import Chosen

router = sdapi_router()

BEGUN = 0.01
"""What A1111 says of work that has begun without a step behind it."""


@router.get("/progress")
def progress(
    desk: DeskOf, skip_current_image: bool = Query(False, description="Leave the live preview out.")
) -> dict[str, Any]:
    """How far your oldest request is, with its live preview. Idle is exactly progress 0 and job_count 0."""
    errands = desk.errands.of(desk.owner)
    if not errands:
        return {
            "progress": 0.0,
            "eta_relative": 0.0,
            "state": _state(None, []),
            "current_image": None,
            "textinfo": None,
        }
    errand = errands[0]
    views = views_of(desk, errand)
    done = share(errand, views)
    return {
        "progress": done,
        "eta_relative": seconds_left(errand, views, done),
        "state": _state(errand, views),
        "current_image": None if skip_current_image else preview(desk, views),
        "textinfo": words(views),
    }


@router.post("/interrupt")
def interrupt(desk: DeskOf) -> dict[str, Any]:
    """Stop your requests within one step; each answers with what it has finished."""
    for errand in desk.errands.of(desk.owner):
        errand.is_interrupted = True
        cancel(desk, list(errand.jobs))
    return {}


@router.post("/skip")
def skip(desk: DeskOf) -> dict[str, Any]:
    """Stop the batch that your oldest request is at; it goes on with the next."""
    for errand in desk.errands.of(desk.owner)[:1]:
        current = next((view for view in views_of(desk, errand) if not view.state.finished), None)
        if current is not None:
            errand.is_skipped = True
            cancel(desk, [current.id])
    return {}


def views_of(desk: Desk, errand: Errand) -> list[JobView]:
    """The jobs of a request as they stand."""
    views = []
    for job_id in list(errand.jobs):
        with contextlib.suppress(NotFound):
            views.append(desk.studio.job(job_id, desk.owner))
    return views


def share(errand: Errand, views: list[JobView]) -> float:
    """How much is behind: above 0 while it is under way, as clients take 0 for idle, and at most 1."""
    behind = sum(1.0 if view.state.finished else view.progress for view in views)
    return round(min(BEGUN + behind / max(1, errand.iterations), 1.0), 4)


def seconds_left(errand: Errand, views: list[JobView], done: float) -> float:
    """By what pictures like these took, else by how fast it went so far."""
    told = [view.seconds_left for view in views if not view.state.finished]
    known = [seconds for seconds in told if seconds is not None]
    if known and len(known) == len(told):
        return round(max(known), 1)
    elapsed_s = time.monotonic() - errand.began_s
    return round(elapsed_s / done - elapsed_s, 1)


def preview(desk: Desk, views: list[JobView]) -> str | None:
    """The latest live preview in base64; ``None`` where there is none, or the client wants none."""
    chosen = Chosen(ClientOptions(desk.studio.database).of(desk.owner))
    if not chosen["live_previews_enable"]:
        return None
    for view in views:
        for picture in view.pictures:
            if picture.state is JobState.RUNNING:
                jpeg = desk.studio.hub.preview(desk.owner, view.id, picture.index)
                if jpeg is not None:
                    return encoded(jpeg) if chosen["live_previews_image_format"] == "jpeg" else _as_png(jpeg)
    return None


def words(views: list[JobView]) -> str | None:
    """What holds it up, for people."""
    for view in views:
        if view.state.finished:
            continue
        if view.notice:
            return view.notice
        if view.loading is not None:
            return f"Loading the checkpoint: {view.loading:.0%}"
        if view.place is not None:
            return f"Waiting in line: {view.place}"
    return None


def _as_png(jpeg: bytes) -> str:
    with Pillow.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
        return encoded_png(image.convert("RGB"), {})


def _state(errand: Errand | None, views: list[JobView]) -> dict[str, Any]:
    ended = sum(view.state.finished for view in views)
    current = next((view for view in views if not view.state.finished), None)
    running = [one for one in current.pictures if one.state is JobState.RUNNING] if current else []
    return {
        "skipped": errand.is_skipped if errand else False,
        "interrupted": errand.is_interrupted if errand else False,
        "stopping_generation": False,
        "job": f"Batch {ended + 1} out of {errand.iterations}" if errand else "",
        "job_count": errand.iterations if errand else 0,
        "job_timestamp": errand.began_at.strftime("%Y%m%d%H%M%S") if errand else "0",
        "job_no": ended,
        "sampling_step": min((one.step for one in running), default=0),
        "sampling_steps": max((one.steps for one in running), default=0),
    }
