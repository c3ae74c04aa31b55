"""Orders jobs for a request, waits for them, and reads what was made.

They are jobs as everybody's: the same queue, fairness and cancellation. Who hangs up before they are made, and did not
ask to keep them, could never get them, so they are cancelled, as they are when the studio closes; what is to be kept
is made to the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from studio.errors import Cancelled, GenerationFailed, NotFound, StudioError
from studio.jobs import JobView, Subscription
from studio.recipe import Recipe, ResolvedRecipe
from studio.recipe.events import JobState
from studio.sdapi.desk import Desk
from studio.sdapi.errands import Errand
from studio.sdapi.fields import named_as_sent

LOOK_S = 1.0
"""Between two looks whether the client is still there."""

Order = tuple[Recipe, int]
"""A recipe and how many pictures of it."""


@dataclass(frozen=True)
class Finished:
    """A picture: what it was made by, its text, and its file's bytes, a PNG."""

    recipe: ResolvedRecipe
    infotext: str
    png: bytes


async def make(
    desk: Desk, errand: Errand, orders: Iterable[Order], *, keep: bool, are_parts: bool = False
) -> list[JobView]:
    """Order jobs and wait until all have ended; answers them as they ended, those that were never ordered left out.

    ``keep``: they are made even when nobody waits any more. ``are_parts``: they are no use without this very request,
    so none is left for after a restart.

    Raises:
        StudioError: what ordering raises; nothing of it is left in the queue.
        GenerationFailed: not one picture could be made; the reason is the first one's.
    """
    with desk.studio.hub.subscribe(desk.owner) as updates:
        views = await asyncio.to_thread(_order, desk, errand, list(orders))
        try:
            ended = await _ended(desk, views, updates, keep=keep)
        except (asyncio.CancelledError, Cancelled):
            if are_parts or not keep:
                cancel(desk, [view.id for view in views])
            raise
    failed = [view for view in ended if view.state is JobState.FAILED]
    if failed and not any(view.done for view in ended):
        raise GenerationFailed(failed[0].error or "The picture could not be made.")
    return ended


def finished(desk: Desk, views: Sequence[JobView]) -> list[Finished]:
    """The pictures of jobs, in order; those that were cancelled or failed are left out."""
    found = []
    for image_id in _image_ids(views):
        with contextlib.suppress(NotFound):  # deleted by somebody in this very moment
            image = desk.studio.gallery.get(desk.owner, image_id)
            png = desk.studio.gallery.file(desk.owner, image_id).read_bytes()
            if image.recipe is not None:
                found.append(Finished(image.recipe, image.infotext, png))
    return found


def discard(desk: Desk, views: Sequence[JobView]) -> None:
    """Delete the pictures of jobs that nobody asked to keep."""
    with contextlib.suppress(NotFound):
        desk.studio.gallery.discard(desk.owner, list(_image_ids(views)))


def cancel(desk: Desk, job_ids: Iterable[str]) -> None:
    """Stop jobs of the caller's; what has ended stays as it is."""
    for job_id in job_ids:
        with contextlib.suppress(NotFound):
            desk.studio.cancel(job_id, desk.owner)


def _image_ids(views: Sequence[JobView]) -> Iterator[str]:
    for view in views:
        yield from (picture.image_id for picture in view.pictures if picture.image_id)


def _order(desk: Desk, errand: Errand, orders: list[Order]) -> list[JobView]:
    views: list[JobView] = []
    try:
        for recipe, count in orders:
            if errand.is_interrupted:
                break
            job_id = uuid.uuid4().hex
            with named_as_sent():
                views.append(desk.studio.submit(recipe, count, desk.owner, job_id))
            errand.jobs.append(job_id)
    except StudioError:
        cancel(desk, [view.id for view in views])
        raise
    if errand.is_interrupted:  # somebody asked while these were being ordered
        cancel(desk, errand.jobs)
    return views


async def _ended(desk: Desk, views: Sequence[JobView], updates: Subscription, *, keep: bool) -> list[JobView]:
    latest = {view.id: view for view in views}
    gone = keep
    while any(not view.state.finished for view in latest.values()):
        update = await updates.get_async(LOOK_S)
        if update is not None and update.id in latest:
            latest[update.id] = update.job
        elif update is None and updates.ended:
            raise Cancelled("The studio is closing. What was ordered is made after the next start.")
        if not gone and await desk.request.is_disconnected():
            gone = True
            await asyncio.to_thread(cancel, desk, list(latest))
    return list(latest.values())
