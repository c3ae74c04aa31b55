"""Tells the worker which checkpoint the queue will want next, so that it is read while other pictures are made."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from studio.errors import StudioError
from studio.jobs.located import Located
from studio.jobs.queue import Queue
from studio.jobs.supervisor import Supervisor
from studio.recipe import ResolvedRecipe
from studio.recipe.events import PreloadOrder

log = logging.getLogger(__name__)


class LookingAhead:
    """Looks beyond what the worker has in hand. ``locate`` says where the files of a recipe lie.

    It only ever spares waiting: whatever goes wrong here comes up again, and is told, when it is that job's turn.
    """

    def __init__(self, queue: Queue, supervisor: Supervisor, locate: Callable[[ResolvedRecipe], Located]) -> None:
        self._queue, self._supervisor, self._locate = queue, supervisor, locate
        self._told: str = ""

    def look(self, in_hand: Collection[str]) -> None:
        """``in_hand`` are the SHA-256 of the checkpoints that the worker's pictures use."""
        recipe = self._queue.next_of_another_checkpoint(in_hand)
        if recipe is None or recipe.checkpoint_sha256 == self._told:
            return
        try:
            located = self._locate(recipe)
        except StudioError as error:
            log.info("Nothing is read ahead: %s", error)
            return
        self._told = recipe.checkpoint_sha256
        if located.checkpoint is not None:
            self._supervisor.preload(PreloadOrder(recipe, located.checkpoint, located.files))

    def forget(self) -> None:
        """The worker has changed or put away what it held, so it may be told the same again."""
        self._told = ""
