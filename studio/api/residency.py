"""Which models take memory, what changing to another costs, and giving memory back."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from studio.api.caller import KeeperOf, StudioOf

router = APIRouter(tags=["models"])


@router.get("/models/residency")
def residency(studio: StudioOf) -> dict[str, Any]:
    """What is where, in bytes: ``device`` (null on a CPU), ``host`` and ``disk``, the ``models`` in memory, the last
    used first, and in ``costs``, by name, what it takes until each checkpoint can begin: its ``place`` (``ready``,
    ``memory`` or ``disk``), bytes, ``seconds`` (null until a load was measured), and whether it ``needs_vae``: it has
    none and its card chooses none.
    """
    return {**studio.memory.now().as_dict(), "unload_after_minutes": studio.settings.idle_unload_minutes}


@router.post("/models/unload", status_code=202)
def unload(studio: StudioOf, keeper: KeeperOf) -> dict[str, Any]:
    """Give back all memory that no picture is using. Pictures on their way go on; nobody's order is lost.

    Whoever comes next waits for a load, so it is for whoever keeps the models.
    """
    studio.dispatcher.unload()
    return {"unloading": True}
