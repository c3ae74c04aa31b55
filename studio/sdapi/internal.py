"""A1111's few routes outside ``/sdapi``: whether anybody is there, and how far a request is by the id it was given."""

from __future__ import annotations

from typing import Any

from studio.sdapi.desk import DeskOf
from studio.sdapi.errors import sdapi_router
from studio.sdapi.progress import preview, seconds_left, share, views_of, words
from studio.sdapi.schemas import TaskProgress

router = sdapi_router()


@router.get("/ping")
def ping() -> dict[str, Any]:
    """That somebody is here."""
    return {}


@router.get("/pending-tasks")
def pending_tasks(desk: DeskOf) -> dict[str, Any]:
    """The ids of your requests under way."""
    ids = [errand.id for errand in desk.errands.of(desk.owner)]
    return {"size": len(ids), "tasks": ids}


@router.post("/progress")
def task_progress(body: TaskProgress, desk: DeskOf) -> dict[str, Any]:
    """How far your request of the id ``force_task_id`` is. The preview is sent once each time it changes."""
    errand = next((errand for errand in desk.errands.of(desk.owner) if errand.id == body.id_task), None)
    views = views_of(desk, errand) if errand else []
    is_active = any(view.started_at is not None for view in views)
    answer: dict[str, Any] = {
        "active": is_active,
        "queued": errand is not None and not is_active,
        "completed": errand is None and desk.errands.has_ended(desk.owner, body.id_task),
        "progress": None,
        "eta": None,
        "live_preview": None,
        "id_live_preview": body.id_live_preview,
        "textinfo": words(views),
    }
    if errand is None or not is_active:
        return answer
    done = share(errand, views)
    version = sum(view.preview_version for view in views)
    shown = preview(desk, views) if body.live_preview and version != body.id_live_preview else None
    if shown is not None:
        answer |= {"live_preview": f"data:image/png;base64,{shown}", "id_live_preview": version}
    return {**answer, "progress": done, "eta": seconds_left(errand, views, done)}
