"""Tells the worker which checkpoint the queue will want next, so that it is read while other pictures are made."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from pathlib import Path

from studio.errors import StudioError
from studio.jobs.queue import Queue
from studio.jobs.supervisor import Supervisor
from studio.recipe import ResolvedRecipe
from studio.recipe.events import PreloadOrder

log = logging.getLogger(__name__)


class LookingAhead:
    """Looks beyond what the worker has in hand. ``checkpoint_path`` says where a recipe's checkpoint lies.

    It only ever spares waiting: whatever goes wrong here comes up again, and is told, when it is that job's turn.
    """

    def __init__(
        self, queue: Queue, supervisor: Supervisor, checkpoint_path: Callable[[ResolvedRecipe], Path | None]
    ) -> None:
        self._queue, self._supervisor, self._checkpoint_path = queue, supervisor, checkpoint_path
        self._told: str = ""

    def look(self, in_hand: Collection[str]) -> None:
        """``in_hand`` are the SHA-256 of the checkpoints that the worker's pictures use."""
        recipe = self._queue.next_of_another_checkpoint(in_hand)
        if recipe is None or recipe.checkpoint_sha256 == self._told:
            return
        try:
            path = self._checkpoint_path(recipe)
        except StudioError as error:
            log.info("Nothing is read ahead: %s", error)
            return
        self._told = recipe.checkpoint_sha256
        if path is not None:
            self._supervisor.preload(PreloadOrder(recipe.checkpoint, path))

    def forget(self) -> None:
        """The worker has changed or put away what it held, so it may be told the same again."""
        self._told = ""
