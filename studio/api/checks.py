"""Checking models: reading them again from end to end in the background, one after the other, and what was found.

All of it is for whoever keeps the models; what was found stands on the cards, as ``checked``, for everybody.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from studio.api.caller import KeeperOf, StudioOf

router = APIRouter(tags=["models"])


class Wanted(BaseModel):
    """Models to check."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"models": ["0123456789abcdef"]}]})

    models: list[str] | None = Field(
        None,
        max_length=10_000,
        description="Their ids; left out, all models, those first that were not checked for the longest time.",
    )
    rest: bool = Field(False, description="Instead, go on with those of the round that were stopped.")


@router.get("/models/checks")
def show_checks(studio: StudioOf, keeper: KeeperOf) -> dict[str, Any]:
    """How the round stands: ``state`` is idle, running, stopped or done; ``current`` is what is read now.

    A round is all that was asked for until nothing waits any more. ``problems`` names the models that are not sound,
    or could not be read. For whoever keeps the models.
    """
    return studio.checks.round()


@router.post("/models/checks", status_code=202)
def begin_checks(body: Wanted, studio: StudioOf, keeper: KeeperOf) -> dict[str, Any]:
    """Read several models again, or all, one after the other, in the background; answers as `GET /models/checks` does.

    Asking again for one that waits is harmless. For whoever keeps the models.
    """
    if body.rest:
        studio.checks.go_on()
    elif body.models is None:
        studio.checks.begin_all()
    else:
        cards = {card.id: card for card in studio.library.models()}
        studio.checks.begin([cards.get(one) or studio.library.by_id(one) for one in dict.fromkeys(body.models)])
    return studio.checks.round()


@router.delete("/models/checks")
def stop_checks(studio: StudioOf, keeper: KeeperOf) -> dict[str, Any]:
    """Stop the round; of one that ended, forget it. What was found stays on the cards. For whoever keeps the models."""
    studio.checks.stop_all()
    return studio.checks.round()


@router.post("/models/{model_id}/check", status_code=202)
def begin_check(model_id: str, studio: StudioOf, keeper: KeeperOf) -> dict[str, Any]:
    """Read a model again from end to end in the background; answers as `GET /models/{model_id}/check` does.

    Bytes that changed although size and time did not are noticed by the hash. For whoever keeps the models.
    """
    studio.checks.begin([studio.library.by_id(model_id)])
    return studio.checks.of(model_id)


@router.get("/models/{model_id}/check")
def show_check(model_id: str, studio: StudioOf, keeper: KeeperOf) -> dict[str, Any]:
    """How the check of a model stands: ``state`` is never, waiting, running, done, failed or stopped.

    ``sound``, ``problem`` and ``at`` tell of the last time that all of it was read, as long as its files are the same.
    For whoever keeps the models.
    """
    return studio.checks.of(model_id)


@router.delete("/models/{model_id}/check")
def stop_check(model_id: str, studio: StudioOf, keeper: KeeperOf) -> dict[str, Any]:
    """Stop the check of a model, or call it off; harmless where there is none. For whoever keeps the models."""
    studio.checks.stop(model_id)
    return studio.checks.of(model_id)
