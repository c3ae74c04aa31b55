"""Brings queue, worker and gallery together: feeds the worker, hears it, has its pictures saved, and tells the hub.

Three threads beside those who ask: one feeds, the supervisor's hears, the clerk's writes. It keeps in memory which
pictures the worker has and which are being saved; everything else is read from the queue, whose states are the truth.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from studio.accounts.quotas import Quota
from studio.errors import Cancelled, Conflict, StorageError, StudioError
from studio.jobs.board import Board
from studio.jobs.clerk import Clerk, Ended, Save
from studio.jobs.hub import Hub
from studio.jobs.idleness import Idleness
from studio.jobs.located import Located
from studio.jobs.looking_ahead import LookingAhead
from studio.jobs.overview import LoadTimes, Overview, QueueEntry
from studio.jobs.queue import Queue
from studio.jobs.records import Job, Order, PictureKey, TakenPicture
from studio.jobs.supervisor import Lost, Supervisor
from studio.recipe import ResolvedRecipe
from studio.recipe.events import (
    CancelOrder,
    Event,
    JobState,
    ModelLoading,
    PictureCancelled,
    PictureDone,
    PictureFailed,
    PictureOrder,
    PictureStarted,
    PictureStep,
    TimeSpent,
)

log = logging.getLogger(__name__)

PAUSE_S = 2.0
"""Between two tries to take pictures from a database that cannot be written."""

STOPPING_S = 20.0
"""How long a retry waits for the worker to let go of the same pictures; a step on a slow CPU is within it."""


@dataclass
class _Flight:
    """A picture that the worker has. ``cancelled``: whatever it still says of it is ignored."""

    picture: TakenPicture
    cancelled: bool = False


class Dispatcher:
    """Runs the jobs of ``queue`` on the worker of ``supervisor``, at most ``live_pictures`` at once.

    ``locate`` answers where the files of a recipe lie, or raises what is wrong with them. ``save`` keeps a finished
    picture of a recipe and owner and answers its image's id; it must bear being repeated. After ``idle_unload_s``
    without work the worker gives its memory back (0: never); ``on_loading`` hears of every stage of a load, and
    ``load_times`` answers how long loads take.
    ``may_begin`` raises `StorageError` while nothing new should be begun: what waits then goes on waiting.
    """

    def __init__(
        self,
        queue: Queue,
        supervisor: Supervisor,
        locate: Callable[[ResolvedRecipe], Located],
        save: Save,
        hub: Hub,
        live_pictures: int = 8,
        preview_every_steps: int = 2,
        idle_unload_s: float = 0.0,
        on_loading: Callable[[ModelLoading], None] = lambda event: None,
        load_times: LoadTimes = lambda names: {},
        may_begin: Callable[[], None] = lambda: None,
    ) -> None:
        self._queue, self._supervisor, self._locate, self._hub = queue, supervisor, locate, hub
        self._live_pictures, self._preview_every_steps = live_pictures, preview_every_steps
        self._board = Board(queue, hub, load_times)
        hub.connect(self._board)
        self._idleness = Idleness(idle_unload_s)
        self._ahead = LookingAhead(queue, supervisor, locate)
        self._on_loading, self._may_begin = on_loading, may_begin
        self._clerk = Clerk(queue, save, live_pictures, self._written, lambda trouble: self._hold_up("clerk", trouble))
        self._turn = threading.Lock()  # one at a time takes, cancels or retries; taken before the next, never after
        # Guards the two below: pictures in the worker, and pictures whose end the clerk has yet to write, with whether
        # they are made.
        self._gone = threading.Condition()
        self._flights: dict[PictureKey, _Flight] = {}
        self._ending: dict[PictureKey, bool] = {}
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._feeder: threading.Thread | None = None
        self._holdups: dict[str, str] = {}

    # --- what people ask ---

    def start(self) -> None:
        """Take up what an earlier run left, start the worker, and feed it. Answers at once."""
        self._queue.recover()
        self._board.load()
        self._clerk.start()
        self._supervisor.start(self._hear, self._lost, self._status_changed)
        self._feeder = threading.Thread(target=self._feed, name="feeder", daemon=True)
        self._feeder.start()

    def close(self) -> None:
        """Stop the worker, save what it has finished, put the rest back into the queue. Harmless when repeated."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._wake.set()
        if self._feeder is not None:
            self._feeder.join()
            self._clerk.hurry()
            self._supervisor.close()
            self._clerk.close()
            try:
                self._queue.recover()
            except StorageError as error:
                log.error("Running pictures could not be put back: %s The next start does it.", error)
        self._hub.close()

    def enqueue(
        self,
        owner: str,
        recipe: ResolvedRecipe,
        count: int = 1,
        job_id: str | None = None,
        *,
        priority: int = 0,
        rolled: Collection[str] = (),
        quota: Quota | None = None,
    ) -> Job:
        """Queue a job and see to it at once. See `Queue.enqueue`."""
        return self.enqueue_all(owner, [Order(recipe, count, job_id, priority, rolled)], quota)[0]

    def enqueue_all(self, owner: str, orders: Sequence[Order], quota: Quota | None = None) -> list[Job]:
        """Queue all of these jobs, or none, and see to them at once. See `Queue.enqueue_all`."""
        jobs = self._queue.enqueue_all(owner, orders, quota)
        self._changed([job.id for job in jobs])
        return jobs

    def cancel(self, owner: str, job_id: str) -> Job:
        """Cancel a job: waiting pictures at once, running ones within a step; finished ones stay. Raises `NotFound`."""
        with self._turn:
            with self._gone:
                finishing = [key[1] for key, made in self._ending.items() if made and key[0] == job_id]
            job = self._queue.cancel(owner, job_id, keep=finishing)
            with self._gone:
                flights = [flight for key, flight in self._flights.items() if key[0] == job_id]
                for flight in flights:
                    flight.cancelled = True
            if flights:
                self._supervisor.cancel(CancelOrder(job_id))
        self._changed([job_id])
        return job

    def retry(self, owner: str, job_id: str, quota: Quota | None = None) -> Job:
        """Queue the failed and cancelled pictures of a job again, with the seeds they had.

        Raises:
            NotFound: no such job, or somebody else's.
            OverQuota: that many more are too many just now.
            Conflict: the worker is still busy with what was cancelled.
        """
        self._queue.get(owner, job_id)
        until_s = time.monotonic() + STOPPING_S
        while (job := self._retried(owner, job_id, quota)) is None:
            with self._gone:
                if not self._gone.wait_for(lambda: not self._is_stopping(job_id), until_s - time.monotonic()):
                    raise Conflict("The job is still being stopped. Try again in a moment.")
        self._changed([job_id])
        return job

    def _retried(self, owner: str, job_id: str, quota: Quota | None) -> Job | None:
        """The job, queued again; ``None`` while the worker has yet to let go of some of it."""
        with self._turn:
            with self._gone:
                if self._is_stopping(job_id):
                    return None
            return self._queue.retry(owner, job_id, quota)

    def pause(self, owner: str, job_id: str) -> Job:
        """Take no more pictures of a job; what is on its way is finished. Raises `NotFound`, `Conflict`."""
        with self._turn:
            job = self._queue.line.pause(owner, job_id)
        self._changed([job_id])
        return job

    def resume(self, owner: str, job_id: str) -> Job:
        """Go on with a paused job. Raises `NotFound`, `Conflict`."""
        job = self._queue.line.resume(owner, job_id)
        self._changed([job_id])
        return job

    def pause_all(self, owner: str, *, paused: bool = True) -> int:
        """Pause all of one's own jobs, or go on with them; how many that changed."""
        with self._turn:
            line = self._queue.line
            changed = line.pause_all(owner) if paused else line.resume_all(owner)
        self._changed(changed)
        return len(changed)

    def move(self, owner: str, job_id: str, place: int) -> None:
        """Put a job at another place among one's own. See `Line.move`."""
        self._board.refresh(self._queue.line.move(owner, job_id, place), is_reordered=True)

    def overview(self, owner: str) -> Overview:
        """The queue as ``owner`` sees it."""
        return self._board.overview(owner, self._live_pictures)

    def everybody(self) -> Sequence[QueueEntry]:
        """Everybody's unfinished jobs, each person's in order."""
        return self._board.everybody(self._live_pictures)

    @property
    def is_making(self) -> bool:
        """Whether the worker has any picture in hand now."""
        return bool(self._flights)

    def unload(self) -> None:
        """Have the worker give back all memory that no picture is using."""
        self._ahead.forget()
        self._supervisor.unload()

    # --- in the feeder's thread ---

    def _feed(self) -> None:
        while not self._closing.is_set():
            self._wake.clear()
            try:
                while not self._closing.is_set() and self._give():
                    pass
                self._hold_up("feeder", None)
            except StudioError as error:
                self._hold_up("feeder", str(error))
                self._closing.wait(PAUSE_S)
                continue
            self._rest()

    def _rest(self) -> None:
        """Wait for work; when there was none for long, have the worker give its memory back."""
        with self._gone:
            in_hand = {flight.picture.recipe.checkpoint_sha256 for flight in self._flights.values()}
        if in_hand:
            self._look_ahead(in_hand)
        self._idleness.note(is_busy=bool(in_hand))
        if self._idleness.take():
            self.unload()
        self._wake.wait(self._idleness.wait_s())

    def _look_ahead(self, in_hand: set[str]) -> None:
        try:
            self._ahead.look(in_hand)
        except StudioError as error:
            log.info("Nothing is read ahead: %s", error)

    def _give(self) -> bool:
        """Give the worker what there is room for; answers whether that was anything."""
        with self._turn:
            with self._gone:
                alone = any(flight.picture.suspect for flight in self._flights.values())
                room = max(0, self._live_pictures - len(self._flights))
                # Somebody who has nothing on its way need not wait for a place: a round stays as large as it may be,
                # and a picture that is left out of one takes part in the next.
                beyond = 2 * self._live_pictures - len(self._flights) - room
                empty = not self._flights
            is_full = alone or room + beyond <= 0
            if is_full or self._supervisor.ready is None or not self._is_room_to_begin():
                return False
            taken = self._queue.next_pictures(room, worker_is_empty=empty, beyond=beyond)
            self._show({picture.job_id for picture in taken})
            for picture in taken:
                self._send(picture)
            return bool(taken)

    def _is_room_to_begin(self) -> bool:
        """Raises `StorageError` while there is none and somebody waits for it."""
        try:
            self._may_begin()
        except StorageError:
            if any(one.state is JobState.QUEUED for job in self._queue.unfinished() for one in job.pictures):
                raise
            return False
        return True

    def _send(self, picture: TakenPicture) -> None:
        try:
            located = self._locate(picture.recipe)
        except Cancelled:  # a hash was being computed when the studio was stopped: the next start does it
            self._write(Lost((), (picture.key,), ""))
            return
        except StudioError as error:
            self._write(Ended(picture, PictureFailed(picture.job_id, picture.index, error.code, str(error))))
            return
        except Exception as error:
            # As in the worker's loop: whatever is wrong with one checkpoint must not end the feeding of all others.
            log.exception("The files of job %s cannot be found.", picture.job_id)
            reason = f"Its files cannot be found: {type(error).__name__}: {error}"
            self._write(Ended(picture, PictureFailed(picture.job_id, picture.index, "error", reason)))
            return
        order = PictureOrder(
            picture.job_id,
            picture.index,
            picture.recipe,
            located.checkpoint,
            self._preview_every_steps,
            located.files,
            picture.at_once,
            located.stamp,
        )
        with self._gone:
            self._flights[picture.key] = _Flight(picture)
        if not self._supervisor.submit(order):  # it died meanwhile
            with self._gone:
                self._flights.pop(picture.key, None)
            self._write(Lost((), (picture.key,), ""))

    # --- in the supervisor's thread ---

    def _hear(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, PictureDone | PictureFailed | PictureCancelled):
                self._hear_ending(event)
            elif isinstance(event, TimeSpent):
                self._queue.shares.spend(event.shares)
            elif isinstance(event, ModelLoading):
                self._board.loading(event)
                self._on_loading(event)
            elif isinstance(event, PictureStarted):
                self._board.started(event)
            elif isinstance(event, PictureStep):
                self._board.stepped(event)
        self._board.flush()

    def _hear_ending(self, event: PictureDone | PictureFailed | PictureCancelled) -> None:
        key = event.job_id, event.index
        self._queue.shares.end(key, is_made=isinstance(event, PictureDone))
        with self._gone:
            flight = self._flights.pop(key, None)
            wanted = flight is not None and not flight.cancelled
            if wanted:
                self._ending[key] = isinstance(event, PictureDone)
            self._gone.notify_all()
        self._wake.set()
        if flight is not None and wanted:
            if isinstance(event, PictureDone):
                self._board.made(*key)
            self._clerk.write(Ended(flight.picture, event))

    def _lost(self, lost: Lost) -> None:
        for key in lost.keys:
            self._queue.shares.end(key)
        with self._gone:
            self._flights.clear()
            self._ending.update(dict.fromkeys(lost.keys, False))  # at once, so that nobody finds them nowhere
            self._gone.notify_all()
        self._ahead.forget()
        self._clerk.write(lost)

    def _status_changed(self) -> None:
        self._say_notice()
        self._wake.set()

    # --- in the clerk's thread ---

    def _written(self, keys: tuple[PictureKey, ...]) -> None:
        with self._gone:
            for key in keys:
                self._ending.pop(key, None)
            self._gone.notify_all()
        self._show({job_id for job_id, _ in keys})
        self._wake.set()

    # --- in any ---

    def _changed(self, job_ids: Collection[str]) -> None:
        """Show what a person has changed, and see whether there is something to do now."""
        self._board.refresh(job_ids)
        self._wake.set()

    def _write(self, ending: Ended | Lost) -> None:
        """Have the clerk write down what is no picture; until then nobody may queue the same pictures again."""
        with self._gone:
            for key in ending.keys:
                self._ending[key] = False
        self._clerk.write(ending)

    def _show(self, job_ids: set[str]) -> None:
        try:
            self._board.refresh(job_ids)
        except StudioError as error:
            log.error("Jobs cannot be read: %s", error)

    def _hold_up(self, who: str, trouble: str | None) -> None:
        if trouble is None:
            self._holdups.pop(who, None)
        else:
            if self._holdups.get(who) != trouble:
                log.error("The queue cannot go on: %s", trouble)
            self._holdups[who] = trouble
        self._say_notice()

    def _say_notice(self) -> None:
        troubles = list(self._holdups.values())
        if not troubles and self._supervisor.status != "ready" and self._supervisor.reason is not None:
            troubles = [self._supervisor.reason]
        self._board.notify(troubles[0] if troubles else None)

    def _is_stopping(self, job_id: str) -> bool:
        flying = any(flight.cancelled for key, flight in self._flights.items() if key[0] == job_id)
        return flying or any(key[0] == job_id for key in self._ending)
