"""Getting models: what the hub has, what is on its way into the models folder, and pickles made into safetensors.

All of it is for whoever keeps the models: an admin, or the person at the machine where there are no accounts.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from studio.api.caller import KeeperOf, StudioOf
from studio.library.first_models import FIRST_MODELS
from studio.library.hub import wanted
from studio.services import Studio

router = APIRouter(tags=["models"])

NAMED = "A short name of the list, owner/name, owner/name/file, or an address of the hub."


class Pull(BaseModel):
    """A model to fetch from the hub."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"model": "sdxl"}]})

    model: str = Field(max_length=500, description=NAMED)
    file: str = Field("", max_length=300, description="Which file of the repository, where it holds several.")


@router.get("/models/first")
def first_models(studio: StudioOf, keeper: KeeperOf) -> dict[str, Any]:
    """A few models to begin with: size, licence and the memory of a GPU they want; ``here`` says which are there.

    ``folder`` is where models are put, ``free_bytes`` what its disk has left. For whoever keeps the models.
    """
    here = _files_here(studio)
    models = [
        {**asdict(one), "size_bytes": int(one.size_gb * 1e9), "here": one.file.casefold() in here}
        for one in FIRST_MODELS
    ]
    return {"models": models, "folder": str(studio.paths.models), "free_bytes": _free_bytes(studio)}


@router.get("/models/hub")
def look_on_the_hub(
    studio: StudioOf,
    keeper: KeeperOf,
    model: str = Query(max_length=500, description=NAMED),
) -> dict[str, Any]:
    """The safetensors files of a repository on the hub, largest first, and which of them are ``here``.

    The hub is asked now; 503 when it does not answer. For whoever keeps the models.
    """
    what = wanted(model)
    with studio.hub_of_models() as hub:
        files = {what.file: hub.offered(what).size_bytes} if what.file else hub.files(what)
    here = _files_here(studio)
    listed = [
        {"file": name, "size_bytes": size, "here": name.rpartition("/")[2].casefold() in here}
        for name, size in sorted(files.items(), key=lambda entry: -entry[1])
    ]
    return {
        "repository": what.repository,
        "revision": what.revision,
        "files": listed,
        "free_bytes": _free_bytes(studio),
    }


@router.get("/models/arrivals")
def list_arrivals(studio: StudioOf, keeper: KeeperOf) -> dict[str, Any]:
    """What is on its way, has come or broke off: ``state`` (waiting, running, done, failed, stopped), bytes, speed.

    ``checking`` is true while the hash of what came is compared. For whoever keeps the models.
    """
    return {"arrivals": [one.as_dict() for one in studio.arrivals.list()]}


@router.post("/models/arrivals", status_code=202)
def pull_model(body: Pull, studio: StudioOf, keeper: KeeperOf) -> dict[str, Any]:
    """Fetch a model from the hub into the models folder, or go on with one that broke off.

    It goes on in the studio, whatever becomes of the page. For whoever keeps the models.
    """
    what = wanted(body.model, body.file)
    if not what.file:
        with studio.hub_of_models() as hub:
            what = hub.chosen(what)
    return studio.arrivals.pull(what).as_dict()


@router.delete("/models/arrivals/{arrival_id}")
def stop_arrival(arrival_id: str, studio: StudioOf, keeper: KeeperOf) -> dict[str, Any]:
    """Stop one on its way and keep what came; of one that ended, forget it and throw away what came of it.

    For whoever keeps the models.
    """
    return studio.arrivals.remove(arrival_id).as_dict()


@router.post("/models/{model_id}/convert", status_code=202)
def convert_model(model_id: str, studio: StudioOf, keeper: KeeperOf) -> dict[str, Any]:
    """Write the weights of a pickled model as safetensors beside it; the pickle stays.

    Another process reads it, as weights and nothing else. For whoever keeps the models.
    """
    return studio.arrivals.convert(studio.library.by_id(model_id)).as_dict()


def _files_here(studio: Studio) -> set[str]:
    return {card.file_name.casefold() for card in studio.library.models()}


def _free_bytes(studio: Studio) -> int:
    folder = studio.paths.models
    return shutil.disk_usage(next(one for one in (folder, *folder.parents) if one.exists())).free
