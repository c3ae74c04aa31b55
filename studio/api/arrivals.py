"""Getting models: what the hub has, what is on its way into the models folder, and pickles made into safetensors.

All of it is for whoever keeps the models: an admin, or the person at the machine where there are no accounts.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict
from typing import Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from studio.api.caller import KeeperOf, StudioOf
from studio.library.first_models import FIRST_MODELS, FirstModel
from studio.library.hub_names import Wanted, names_of, wanted
from studio.library.pulling import HashOf, Offer, chosen, offer_of, pipelines_of
from studio.library.single_file import SAFETENSORS
from studio.services import Studio

router = APIRouter(tags=["models"])

_ROUNDED_GB = 0.06
NAMED = "A short name of the list, owner/name, owner/name/file, or an address of the hub."


class Pull(BaseModel):
    """A model to fetch from the hub."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"model": "sdxl"}]})

    model: str = Field(max_length=500, description=NAMED)
    file: str = Field(
        "",
        max_length=300,
        description="Which file of the repository; `model_index.json` is the whole diffusers folder, and the default.",
    )
    variant: Literal["", "fp16"] = Field("", description="Of a diffusers folder: `fp16` for weights of half precision.")


class Conversion(BaseModel):
    """Pickled models to convert."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"models": ["0123456789abcdef"]}]})

    models: list[str] | None = Field(
        None, max_length=10_000, description="Their ids; left out, all pickled models that can be converted."
    )


@router.get("/models/first")
def first_models(studio: StudioOf, keeper: KeeperOf) -> dict[str, Any]:
    """A few models to begin with: size, licence and the memory of a GPU they want; ``here`` says which are there.

    ``folder`` is where models are put, ``free_bytes`` what its disk has left. For whoever keeps the models.
    """
    models = [
        {**asdict(one), "size_bytes": int(one.size_gb * 1e9), "here": _is_here(studio, one)} for one in FIRST_MODELS
    ]
    return {"models": models, "folder": str(studio.paths.models), "free_bytes": _free_bytes(studio)}


@router.get("/models/hub")
def look_on_the_hub(
    studio: StudioOf,
    keeper: KeeperOf,
    model: str = Query(max_length=500, description=NAMED),
) -> dict[str, Any]:
    """What a repository on the hub holds: its safetensors files, largest first, and the pipeline folders it can be
    fetched as, with the ``problem`` of one that the studio cannot run. ``here`` says what is in the library already.

    The hub is asked now; 503 when it does not answer. For whoever keeps the models.
    """
    what = wanted(model)
    with studio.hub_of_models() as hub:
        tree = hub.tree(what) if what.is_pipeline or not what.file else {what.file: hub.offered(what)}
        pipelines = pipelines_of(hub, what, tree)
    known, hash_of = _known_hashes(studio)
    files = {path: one for path, one in tree.items() if path.endswith(SAFETENSORS)}
    listed = [
        {
            "file": path,
            "size_bytes": one.size_bytes,
            "here": one.sha256 in known
            or Offer(Wanted(what.repository, path, what.revision), {path: one}).is_in(studio.paths.models, hash_of),
        }
        for path, one in sorted(files.items(), key=lambda entry: -entry[1].size_bytes)
    ]
    return {
        "repository": what.repository,
        "revision": what.revision,
        "pipelines": [_told(offer, studio, hash_of) for offer in pipelines],
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

    Of a repository that is a diffusers pipeline this is the folder, unless a file of it is named. It goes on in the
    studio, whatever becomes of the page. For whoever keeps the models.
    """
    with studio.hub_of_models() as hub:
        what = chosen(hub, wanted(body.model, body.file, body.variant))
        offer_of(hub, what, with_problem=False).place(studio.paths.models)
    return studio.arrivals.pull(what).as_dict()


@router.delete("/models/arrivals/{arrival_id}")
def stop_arrival(arrival_id: str, studio: StudioOf, keeper: KeeperOf) -> dict[str, Any]:
    """Stop one on its way and keep what came; of one that ended, forget it and throw away what came of it.

    For whoever keeps the models.
    """
    return studio.arrivals.remove(arrival_id).as_dict()


@router.post("/models/convert", status_code=202)
def convert_models(body: Conversion, studio: StudioOf, keeper: KeeperOf) -> dict[str, Any]:
    """Convert several pickled models, or all that there are, one after the other; the pickles stay.

    Each becomes an arrival, which can be stopped and tells what went wrong; those that cannot be converted at all
    stand in ``refused`` with the reason. 507 where there is no room for all of them. For whoever keeps the models.
    """
    library = studio.library
    chosen_cards = (
        [library.by_id(model_id) for model_id in dict.fromkeys(body.models)]
        if body.models is not None
        else [card for card in library.models() if card.pickled]
    )
    begun, refused = studio.arrivals.convert_all(chosen_cards)
    return {
        "arrivals": [one.as_dict() for one in begun],
        "refused": [{"file": file, "problem": problem} for file, problem in refused.items()],
    }


@router.post("/models/{model_id}/convert", status_code=202)
def convert_model(model_id: str, studio: StudioOf, keeper: KeeperOf) -> dict[str, Any]:
    """Write the weights of a pickled model as safetensors into the models folder of the home; the pickle stays.

    Another process reads it, as weights and nothing else. For whoever keeps the models.
    """
    return studio.arrivals.convert(studio.library.by_id(model_id)).as_dict()


def _told(offer: Offer, studio: Studio, hash_of: HashOf) -> dict[str, Any]:
    return {
        "file": offer.what.file,
        "variant": offer.what.variant,
        "files": len(offer.files),
        "size_bytes": offer.size_bytes,
        "problem": offer.problem,
        "here": offer.is_in(studio.paths.models, hash_of),
    }


def _known_hashes(studio: Studio) -> tuple[set[str], HashOf]:
    """The hashes in the library, and how to ask for that of a file; nobody waits for one that is not known yet."""
    by_path = {card.path: card.sha256 for card in studio.library.models() if card.sha256}
    return set(by_path.values()), lambda file: by_path.get(file, "")


def _is_here(studio: Studio, first: FirstModel) -> bool:
    """Whether a file of its name and size is in the library, wherever it lies; the size is rounded in the list."""
    names = {f"{name}{SAFETENSORS}".casefold() for name in names_of(Wanted(first.repository, first.file))}
    return any(
        card.file_name.casefold() in names and abs(card.size_bytes / 1e9 - first.size_gb) < _ROUNDED_GB
        for card in studio.library.models()
    )


def _free_bytes(studio: Studio) -> int:
    folder = studio.paths.models
    return shutil.disk_usage(next(one for one in (folder, *folder.parents) if one.exists())).free
