"""Looking for models again, giving memory back, and what A1111 offers that a studio for several people does not."""

from __future__ import annotations

from typing import Any

import psutil
from fastapi import Request

from studio.api.caller import KeeperOf
from studio.sdapi.desk import DeskOf
from studio.sdapi.errors import Refusal, sdapi_router

router = sdapi_router()


@router.post("/refresh-checkpoints")
def refresh_checkpoints(desk: DeskOf) -> None:
    """Look through the folders of models again."""
    desk.studio.library.scan()


@router.post("/refresh-vae")
def refresh_vae(desk: DeskOf) -> None:
    """Look through the folders of models again."""
    desk.studio.library.scan()


@router.post("/refresh-loras")
def refresh_loras(desk: DeskOf) -> None:
    """Look through the folders of models again."""
    desk.studio.library.scan()


@router.post("/refresh-embeddings")
def refresh_embeddings(desk: DeskOf) -> None:
    """Look through the folders of models again."""
    desk.studio.library.scan()


@router.post("/unload-checkpoint")
def unload_checkpoint(desk: DeskOf, keeper: KeeperOf) -> dict[str, Any]:
    """Give back all memory that no picture is using; for whoever keeps the models."""
    desk.studio.dispatcher.unload()
    return {}


@router.post("/reload-checkpoint")
def reload_checkpoint() -> dict[str, Any]:
    """Nothing to do: the next picture loads what it needs."""
    return {}


@router.get("/memory")
def memory(desk: DeskOf) -> dict[str, Any]:
    """Memory in bytes: of the machine, and of the graphics card where there is one."""
    now, host = desk.studio.memory.now(), psutil.virtual_memory()
    ram = {"free": host.available, "used": host.total - host.available, "total": host.total}
    if now.device is None:
        return {"ram": ram, "cuda": {"error": "There is no graphics card, or its worker has not reported yet."}}
    used = {"current": now.device.used_bytes, "peak": now.device.used_bytes}
    free, total = now.device.free_bytes, now.device.total_bytes
    return {
        "ram": ram,
        "cuda": {
            "system": {"free": free, "used": total - free, "total": total},
            "active": used,
            "allocated": used,
            "reserved": used,
            "inactive": {"current": 0, "peak": 0},
            "events": {"retries": 0, "oom": 0},
        },
    }


def _refuse(request: Request) -> None:
    """Not offered here."""
    what = request.url.path.rpartition("/v1/")[2]
    words = (
        "the studio is stopped where it was started, not by a request"
        if what.startswith("server-")
        else "training is not offered over this API"
    )
    raise Refusal(404, "Not Found", f"{what}: {words}.")


for _path in ("create/embedding", "create/hypernetwork", "train/embedding", "train/hypernetwork"):
    router.add_api_route(f"/{_path}", _refuse, methods=["POST"], summary=f"Refuse to {_path.replace('/', ' an ')}")
for _path in ("server-kill", "server-restart", "server-stop"):
    router.add_api_route(f"/{_path}", _refuse, methods=["POST"], summary="Refuse to stop the server")
