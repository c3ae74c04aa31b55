"""Backups over HTTP: admins see them, and have one made now. They stay on the disks of the studio."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from studio.accounts import Caller
from studio.api.caller import CallerOf, StudioOf
from studio.errors import Refused

router = APIRouter(tags=["upkeep"])


def _look_after(caller: Caller) -> None:
    if caller.role != "admin":
        raise Refused("Backups are for those who look after the studio: its admins.")


@router.get("/backups")
def list_backups(studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """The backups in the folder of the settings, the newest first; whether one is ``running``, what the ``last`` one
    did, and the ``problem`` of one that failed. For admins."""
    _look_after(caller)
    return studio.caretaker.describe()


@router.post("/backups", status_code=202)
def back_up_now(studio: StudioOf, caller: CallerOf) -> dict[str, Any]:
    """Make a backup now, in the folder of the settings; look at the list for how it went. For admins."""
    _look_after(caller)
    studio.caretaker.ask_for_backup()
    return studio.caretaker.describe()
