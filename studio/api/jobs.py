"""Jobs: order pictures, follow them, cancel them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette.sse import EventSourceResponse, ServerSentEvent

from studio.api.caller import OwnerOf, StudioOf
from studio.errors import InvalidField, NotFound
from studio.jobs import JobView
from studio.recipe import Recipe
from studio.recipe.presets import apply_all
from studio.services import Studio

router = APIRouter(tags=["jobs"])

PING_S = 5
PING = {"event": "ping", "data": "{}"}


class JobRequest(BaseModel):
    """An order: a recipe, how many pictures of it, and an id of the caller's choice that makes repeating harmless."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"recipe": {"prompt": "3d cat face on a blue background", "seed": 7}, "count": 2}]
        },
    )

    recipe: dict[str, Any] = Field(description="Fields of a recipe; what is left out suits the checkpoint.")
    count: int = Field(1, description="Pictures to make; the seed counts up.")
    id: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,64}$", description="An id of your choice.")
    preset: str | None = Field(None, description="Name of a preset to lay over the recipe.")
    presets: list[str] = Field([], max_length=50, description="Several, laid over it one after the other.")
    matrix: bool = Field(
        False, description="The prompt is a prompt matrix (a|b|c): count pictures of each combination."
    )


@router.post("/jobs", status_code=202)
def create_job(order: JobRequest, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Queue pictures. Answers at once with the job; follow it by its events."""
    if order.preset and order.presets:
        raise InvalidField("preset", "say either one preset or several", "preset, or presets")
    names = [order.preset] if order.preset else order.presets
    recipe = apply_all(Recipe(**order.recipe), names, studio.presets_of(owner) if names else {})
    return studio.submit(recipe, order.count, owner, order.id, matrix=order.matrix).as_dict()


@router.get("/jobs")
def list_jobs(studio: StudioOf, owner: OwnerOf, limit: int = Query(50, ge=1, le=500)) -> dict[str, Any]:
    """Your newest jobs, newest first."""
    return {"jobs": [view.as_dict() for view in studio.jobs(owner, limit)]}


@router.get("/jobs/{job_id}")
def get_job(job_id: str, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """A job as it stands."""
    return studio.job(job_id, owner).as_dict()


@router.delete("/jobs/{job_id}")
def cancel_job(job_id: str, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Cancel what is not finished yet. Repeating it is harmless."""
    return studio.cancel(job_id, owner).as_dict()


@router.post("/jobs/{job_id}/retry")
def retry_job(job_id: str, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Queue the failed and cancelled pictures of a job again, with the seeds they had."""
    return studio.retry(job_id, owner).as_dict()


@router.get("/jobs/{job_id}/preview/{index}", response_class=Response)
def preview(job_id: str, index: int, studio: StudioOf, owner: OwnerOf) -> Response:
    """The latest live preview of a running picture, a small JPEG; 204 before the first and after the end."""
    data = studio.hub.preview(owner, job_id, index)
    if data is None:
        # Not 404: whoever looks a moment too late for a picture that has just ended has asked for nothing wrong.
        if not 0 <= index < studio.job(job_id, owner).count:
            raise NotFound("That job has no such picture.")
        return Response(status_code=204, headers={"Cache-Control": "no-store"})
    return Response(data, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


@router.get("/jobs/{job_id}/events", response_class=EventSourceResponse)
async def job_events(
    job_id: str, studio: StudioOf, owner: OwnerOf, last_event_id: Annotated[int | None, Header()] = None
) -> Response:
    """Server-sent events of one job until it has ended; each carries the whole job, so none is missed for long.

    With the header ``Last-Event-ID`` they go on behind that one: with the job as it stands if it has changed since,
    else with its next change. 204 when that one was the last, which tells browsers not to connect again.
    """
    await asyncio.to_thread(studio.job, job_id, owner)
    latest = studio.hub.latest(owner, job_id)
    if latest is not None and latest.job.state.finished and latest.number == last_event_id:
        return Response(status_code=204)
    events: Response = EventSourceResponse(_one_job(studio, owner, job_id, last_event_id), ping=15)
    return events


@router.get("/events", response_class=EventSourceResponse)
async def all_events(
    studio: StudioOf, owner: OwnerOf, last_event_id: Annotated[int | None, Header()] = None
) -> EventSourceResponse:
    """Server-sent events of all your jobs, beginning with those that are not finished.

    With the header ``Last-Event-ID`` (browsers send it when they connect again) they begin with what was missed. An
    event ``ping`` comes first and every five seconds, so that silence means a connection that carries nothing.
    """
    return EventSourceResponse(
        _all_jobs(studio, owner, last_event_id), ping=PING_S, ping_message_factory=lambda: ServerSentEvent(**PING)
    )


async def _one_job(studio: Studio, owner: str, job_id: str, seen: int | None) -> AsyncIterator[dict[str, str]]:
    with studio.hub.subscribe(owner) as updates:
        latest = studio.hub.latest(owner, job_id)
        number, job = (latest.number, latest.job) if latest else (0, await asyncio.to_thread(studio.job, job_id, owner))
        if seen is None or number != seen:
            yield _event(job, number or None)
        if job.state.finished:
            return
        async for update in updates:
            if update.id == job_id and update.number > number:
                yield _event(update.job, update.number)
                if update.job.state.finished:
                    return


async def _all_jobs(studio: Studio, owner: str, last_event_id: int | None) -> AsyncIterator[dict[str, str]]:
    with studio.hub.subscribe(owner, after=last_event_id) as updates:
        yield PING  # not before: whoever asks for the jobs on hearing it must miss nothing that comes after
        for view in reversed(await asyncio.to_thread(studio.jobs, owner)):
            if not view.state.finished:
                yield _event(view)
        async for update in updates:
            yield _event(update.job, update.number)


def _event(view: JobView, number: int | None = None) -> dict[str, str]:
    """An update; the state on connecting has no number, because what came before it may still be on its way."""
    event = {"event": "job", "data": json.dumps(view.as_dict())}
    return event if number is None else {**event, "id": str(number)}
