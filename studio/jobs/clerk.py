"""Writes down how pictures ended: saves the finished ones, then marks them in the database, one after the other.

It has its own thread, so the worker's next step never waits for a disk, and a bounded queue, so pixels cannot pile up.
A full disk fails the picture with the reason; where not even that can be written, it waits for room and starts over.
For a drive that was taken out it waits too, with the picture in hand.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from studio.errors import StorageError, StorageMissing, StudioError
from studio.jobs.queue import Queue
from studio.jobs.records import PictureKey, TakenPicture
from studio.jobs.supervisor import Lost
from studio.recipe import ResolvedRecipe
from studio.recipe.events import PictureCancelled, PictureDone, PictureFailed

log = logging.getLogger(__name__)

PAUSE_S = 2.0
"""Between two tries to write to a database that cannot be written."""

Save = Callable[[PictureDone, ResolvedRecipe, str], str]
"""Keep the pixels of a picture of this recipe and owner; answers the id of the image. Repeating it is harmless."""


@dataclass(frozen=True)
class Ended:
    """A picture that the worker is through with, one way or the other."""

    picture: TakenPicture
    event: PictureDone | PictureFailed | PictureCancelled

    @property
    def keys(self) -> tuple[PictureKey, ...]:
        return (self.picture.key,)


class Clerk:
    """Writes endings to ``queue_``; ``on_written`` gets the pictures, ``on_trouble`` what holds it up."""

    def __init__(
        self,
        queue_: Queue,
        save: Save,
        capacity: int,
        on_written: Callable[[tuple[PictureKey, ...]], None],
        on_trouble: Callable[[str | None], None],
    ) -> None:
        self._queue = queue_
        self._save = save
        self._on_written, self._on_trouble = on_written, on_trouble
        self._waiting: queue.Queue[Ended | Lost | None] = queue.Queue(maxsize=capacity)
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)
        self._thread.start()

    def write(self, ending: Ended | Lost) -> None:
        """Hand over an ending; waits while too many are before it."""
        self._waiting.put(ending)

    def hurry(self) -> None:
        """From now on wait for no disk: what cannot be written is left to the next start."""
        self._hurry.set()

    def close(self) -> None:
        """Write what is there, then end. Harmless when repeated."""
        if self._thread is not None:
            self.hurry()
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (ending := self._waiting.get()) is not None:
            self._write_with_patience(ending)
            self._on_written(ending.keys)

    def _write_with_patience(self, ending: Ended | Lost) -> None:
        troubled = False
        while True:
            try:
                self._write(ending)
                break
            except StorageError as error:
                log.error("The end of a picture could not be written down: %s", error)
                if self._hurry.is_set():
                    return
                troubled = True
                self._on_trouble(str(error))
                self._hurry.wait(PAUSE_S)
        if troubled:
            self._on_trouble(None)

    def _write(self, ending: Ended | Lost) -> None:
        if isinstance(ending, Lost):
            for job_id in self._queue.worker_died(ending.started, ending.waiting, ending.reason):
                log.error("Job %s was parked: its worker died twice (%s).", job_id, ending.reason)
            return
        picture, event = ending.picture, ending.event
        if isinstance(event, PictureDone):
            self._finish(picture, event)
        elif isinstance(event, PictureFailed):
            self._queue.mark_failed(picture.job_id, picture.index, event.reason)
        else:
            self._queue.mark_cancelled(picture.job_id, picture.index)

    def _finish(self, picture: TakenPicture, event: PictureDone) -> None:
        try:
            image_id = self._save(event, picture.recipe, picture.owner)
        except StorageMissing:
            raise  # it comes back, unlike room on a full disk, which somebody has to make: worth waiting for
        except StudioError as error:
            log.error("Picture %d of job %s could not be saved: %s", picture.index, picture.job_id, error)
            self._queue.mark_failed(picture.job_id, picture.index, f"It was made, but not saved: {error}")
        except Exception as error:
            # As in the worker's loop: a defect in saving must cost this picture only, not all that come after it.
            log.exception("Picture %d of job %s could not be saved.", picture.index, picture.job_id)
            reason = f"It was made, but not saved: {type(error).__name__}: {error}"
            self._queue.mark_failed(picture.job_id, picture.index, reason)
        else:
            self._queue.mark_done(picture.job_id, picture.index, image_id, event.seconds)
