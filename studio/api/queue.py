"""The queue: one's own jobs in line, moved, paused and cleared; for admins everybody's, to pause and to cancel."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from studio.accounts import Caller
from studio.api.caller import CallerOf, OwnerOf, StudioOf
from studio.api.people import may_look_after_others, require_admin
from studio.errors import NotFound
from studio.services import Studio

router = APIRouter(tags=["queue"])


class Place(BaseModel):
    """A place among one's own unfinished jobs."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"place": 1}]})

    place: int = Field(ge=1, le=1_000_000, description="1 is the next; one beyond the last is the last.")


@router.get("/queue")
def my_queue(studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Your jobs in line with when they should begin and end, those that ended, what others have, and your quota."""
    return studio.overview(owner)


@router.post("/queue/pause")
def pause_all(studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Pause all your jobs that wait or run. What you order afterwards is not paused."""
    return {"changed": studio.dispatcher.pause_all(owner)}


@router.post("/queue/resume")
def resume_all(studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Go on with all your paused jobs."""
    return {"changed": studio.dispatcher.pause_all(owner, paused=False)}


@router.post("/queue/clear")
def clear(studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Show your jobs that have ended no more in the queue. Their pictures stay."""
    return {"cleared": studio.queue.line.clear(owner)}


@router.post("/jobs/{job_id}/pause")
def pause_job(job_id: str, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Take no more pictures of a job; those on their way are finished. Repeating it is harmless."""
    return studio.pause(job_id, owner).as_dict()


@router.post("/jobs/{job_id}/resume")
def resume_job(job_id: str, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Go on with a paused job. Repeating it is harmless."""
    return studio.resume(job_id, owner).as_dict()


@router.post("/jobs/{job_id}/move")
def move_job(job_id: str, body: Place, studio: StudioOf, owner: OwnerOf) -> dict[str, Any]:
    """Put a job at another place among your own; nobody else's turn changes."""
    return studio.move(job_id, body.place, owner).as_dict()


@router.get("/queue/everybody")
def everybody(studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Everybody's unfinished jobs by name, without their prompts; for admins."""
    require_admin(caller)
    names = {person.id: person.name for person in studio.accounts.people.list()}
    return {
        "jobs": [_of_somebody(entry.as_dict(), names.get(entry.view.owner)) for entry in studio.dispatcher.everybody()]
    }


@router.post("/queue/everybody/{job_id}/pause")
def pause_anybodys(job_id: str, studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Pause anybody's job; for admins."""
    return _told(studio.pause(job_id, _owner_of(job_id, studio, caller)).as_summary())


@router.post("/queue/everybody/{job_id}/resume")
def resume_anybodys(job_id: str, studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Go on with anybody's paused job; for admins."""
    return _told(studio.resume(job_id, _owner_of(job_id, studio, caller)).as_summary())


@router.post("/queue/everybody/{job_id}/cancel")
def cancel_anybodys(job_id: str, studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Cancel what is not finished of anybody's job; for admins."""
    return _told(studio.cancel(job_id, _owner_of(job_id, studio, caller)).as_summary())


SEEN_BY_ADMINS = (
    *("id", "state", "paused", "count", "done", "failed", "cancelled", "running", "progress", "place"),
    *("created_at", "starts_in_s", "ends_in_s"),
)
"""What an admin sees of somebody's job: how much it is and how far, not what is in it."""


def _told(summary: dict[str, Any]) -> dict[str, Any]:
    return {name: summary[name] for name in SEEN_BY_ADMINS if name in summary}


def _of_somebody(summary: dict[str, Any], name: str | None) -> dict[str, Any]:
    recipe = summary["recipe"]
    size = {field: recipe[field] for field in ("width_px", "height_px", "steps", "checkpoint")}
    return {**_told(summary), **size, "person": name or "an account that is gone"}


def _owner_of(job_id: str, studio: Studio, caller: Caller) -> str:
    """Whose job it is. To everybody but an admin there is none, as everywhere with somebody else's id."""
    if may_look_after_others(caller):
        for job in studio.queue.read([job_id]):
            return job.owner
    raise NotFound(f"There is no job {job_id!r}.")
