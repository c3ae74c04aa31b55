"""The model library: what there is, one model's card, its picture, and what a person writes on it."""

from __future__ import annotations

from typing import Any, Literal, cast

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from studio.api.caller import KeeperOf, OwnerOf, StudioOf, keeps_models
from studio.library import KINDS, Family, Kind, folder_called, folders_of, matching
from studio.library.card import Prediction
from studio.library.card_fields import Change

router = APIRouter(tags=["models"])

FOLDERS_LACK = "Some folders of models cannot be read. An admin of this studio is told which."
PICTURE = {"Cache-Control": "private, max-age=60", "X-Content-Type-Options": "nosniff"}


class CardChange(BaseModel):
    """What a person writes on a card; what is left out stays as it is, and null takes it away."""

    model_config = ConfigDict(extra="forbid")

    notes: str | None = Field(None, description="Anything worth remembering.")
    recipe: dict[str, Any] | None = Field(None, description="Fields of a recipe to begin with; replaces the former.")
    trigger_words: list[str] | None = Field(None, description="Words to put into a prompt, in place of its maker's.")
    weight: float | None = Field(None, description="What a LoRA is best worn with, -100 to 100.")
    prediction: Prediction | None = Field(None, description="What a checkpoint predicts, where its file is mistaken.")
    zero_snr: StrictBool | None = Field(None, description="Whether a checkpoint's last step is pure noise, likewise.")


@router.get("/models")
def list_models(
    studio: StudioOf,
    request: Request,
    kind: Literal[Kind, "all"] = Query("checkpoint", description="One kind of model, or all of them."),
    family: list[Family] = Query([], description="Only these families; may be repeated."),  # noqa: B008
    folder: str = Query("", max_length=1_000, description="Only in this folder or further down; `.`: in none."),
    query: str = Query("", max_length=500, description="Words that name, notes, trigger words or hash hold."),
    usable: bool | None = Query(None, description="Only those that can, or cannot, be used."),
    refresh: bool = Query(False, description="Look through the folders first."),
) -> dict[str, Any]:
    """The models of the library, checkpoints unless told otherwise; those with a problem say which.

    ``kinds`` counts all there are of each kind, ``folders`` those of the kind asked for in each folder and further
    down; a folder that holds no model of any kind is refused. ``problems`` are sentences about folders that cannot be
    read (which ones, only those who keep the models are told), and ``revision`` changes when anything does.
    """
    library = studio.library
    if refresh:
        library.scan()
    revision = library.revision
    everything = library.models()
    cards = everything if kind == "all" else library.parts(kind)
    place = folder_called(folder, everything) if folder else ""
    found = matching(cards, families=family, usable=usable, query=query, folder=place)
    return {
        "models": [card.as_dict() for card in found],
        "kinds": {name: count for name in KINDS if (count := sum(card.kind == name for card in everything))},
        "folders": folders_of(cards),
        "problems": list(library.problems if keeps_models(request) else [FOLDERS_LACK] * bool(library.problems)),
        "revision": revision,
    }


@router.get("/models/{model_id}")
def get_model(model_id: str, studio: StudioOf) -> dict[str, Any]:
    """One model's card, with what the header of its file says."""
    return {**studio.library.by_id(model_id).as_dict(), "metadata": studio.library.metadata(model_id)}


@router.patch("/models/{model_id}")
def write_card(model_id: str, body: CardChange, studio: StudioOf, keeper: KeeperOf) -> dict[str, Any]:
    """Write notes, a recipe to begin with, trigger words, a weight or what is predicted on a model's card.

    It is kept in the home, not in the model folder.

    What stands on a card is the studio's: it answers everybody's "auto". So it is for whoever keeps the models.
    """
    return studio.library.write(model_id, **cast(Change, body.model_dump(exclude_unset=True))).as_dict()


class ModelPicture(BaseModel):
    """Which picture to show on a card."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"image_id": "0123456789abcdef" * 2}]})

    image_id: str = Field(max_length=100, description="One of your images.")


@router.put("/models/{model_id}/picture")
def set_model_picture(
    model_id: str, body: ModelPicture, studio: StudioOf, owner: OwnerOf, keeper: KeeperOf
) -> dict[str, Any]:
    """Show one of your images on a model's card, to everybody: made small, without what it says of itself.

    It is kept in the home, not in the model folder, and stays when the image goes. For whoever keeps the models.
    """
    return studio.library.set_picture(model_id, studio.gallery.file(owner, body.image_id)).as_dict()


@router.delete("/models/{model_id}/picture")
def remove_model_picture(model_id: str, studio: StudioOf, keeper: KeeperOf) -> dict[str, Any]:
    """Take the picture that was put on a model's card away; one of its maker's is shown again.

    For whoever keeps the models.
    """
    return studio.library.set_picture(model_id, None).as_dict()


@router.get("/models/{model_id}/thumbnail", response_class=Response)
def model_thumbnail(model_id: str, studio: StudioOf) -> Response:
    """A small WebP of the picture beside the model, or inside it; 404 where there is none."""
    return Response(studio.library.picture(model_id), media_type="image/webp", headers=PICTURE)


@router.post("/models/{model_id}/verify", deprecated=True)
def verify_model(model_id: str, studio: StudioOf, keeper: KeeperOf) -> dict[str, Any]:
    """Read a model again while the request waits, for scripts of before: whether it is ``sound``, else the
    ``problem``. `POST /models/{model_id}/check` does so in the background.

    For whoever keeps the models.
    """
    card = studio.library.by_id(model_id)
    problem = studio.library.verify(card)
    return {"id": card.id, "sound": problem is None, "problem": problem}
