"""What there is to choose from: samplers, schedules, upscalers; and how the studio is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from studio import __version__
from studio.api.caller import CallerOf, StudioOf
from studio.sampling import catalogue

router = APIRouter(tags=["catalogue"])


@router.get("/samplers")
def list_samplers() -> dict[str, Any]:
    """Every sampler with what a person needs to choose one."""
    return {"samplers": [asdict(entry) for entry in catalogue.SAMPLERS]}


@router.get("/schedules")
def list_schedules() -> dict[str, Any]:
    """Every schedule of noise levels."""
    return {"schedules": [asdict(entry) for entry in catalogue.SCHEDULES]}


@router.get("/upscalers")
def list_upscalers(studio: StudioOf) -> dict[str, Any]:
    """Every upscaler; ``latent`` ones serve a second pass only, factor 0 is any."""
    found = studio.offer.upscalers()
    return {"upscalers": [{"name": o.facts.name, "kind": o.kind, "factor": o.facts.factor} for o in found]}


@router.get("/status")
def status(studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """The worker, its device, the length of the queue, and room on the disk. ``notices`` are what people should know
    just now: little room (``warning``), and for those who look after the studio files that were damaged (``reset``)."""
    notices = studio.notices.now(for_admin=caller.role == "admin")
    return {"version": __version__, **studio.describe(), "notices": [notice.as_dict() for notice in notices]}
