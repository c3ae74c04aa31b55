"""The step engine: all pictures of all people, one small piece of work at a time.

Each `step` does the first of these that there is to do: a piece of a picture's own work (encode, decode, a tile),
taking a waiting picture in, or one network call for a round of pictures; and before the last two some loading, for as
long as a round takes. So a picture joins at the next step, a cancel takes effect within one, and nobody waits for
somebody else's whole job. It owns the order of work and keeps one picture's trouble to that picture; what the work is
lies in the modules it calls.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from studio.engine import health
from studio.engine.course import Course, Made
from studio.engine.embeddings import EmbeddingShelf
from studio.engine.loads import Loads
from studio.engine.memory import is_out_of_memory, out_of_memory
from studio.engine.meter import Meter
from studio.engine.orders import Orders
from studio.engine.outfit import Outfit
from studio.engine.placement import Placement
from studio.engine.residency import Residency
from studio.engine.rounds import Rounds
from studio.engine.trajectory import Trajectory
from studio.engine.upscale import UpscalerShelf
from studio.errors import DamagedModel, GenerationFailed, StudioError
from studio.library.stamps import stamp
from studio.recipe.events import (
    CancelOrder,
    Event,
    PictureCancelled,
    PictureDone,
    PictureFailed,
    PictureOrder,
    PictureStarted,
    PictureStep,
    PreloadOrder,
    WorkerReady,
)

log = logging.getLogger(__name__)


class StepEngine:
    """Keeps the promises of `studio.engine.protocol.Engine` with real networks.

    At most ``live_pictures`` pictures share a network call. As many are on their way at once, and beside them those
    that are to begin ``at_once``; others wait in the order they came.
    """

    def __init__(self, placement: Placement, residency: Residency, live_pictures: int = 8) -> None:
        self._placement = placement
        self._residency = residency
        self._live_pictures = live_pictures
        self._orders = Orders(live_pictures)
        self._live = self._orders.live
        self._meter = Meter()
        self._loads = Loads(residency, self._orders, self._meter, self._say, self._loading_failed)
        self._upscalers = UpscalerShelf(placement)
        self._embeddings = EmbeddingShelf()
        self._said: list[Event] = []
        self._round = 0
        self._round_s = 0.0
        self._rounds = Rounds(placement)
        self._pieces = 0
        self._others_are_due = False

    # --- orders ---

    @property
    def idle(self) -> bool:
        return self._loads.idle and not (self._orders.waiting or self._live or self._said)

    def submit(self, order: PictureOrder) -> None:
        self._orders.add(order)

    def cancel(self, order: CancelOrder) -> None:
        for waiting in [one for one in self._orders.waiting if _meant(order, one)]:
            self._orders.waiting.remove(waiting)
            self._say(PictureCancelled(waiting.job_id, waiting.index))
        for live in [one for one in self._live if _meant(order, one.order)]:
            self._drop(live)
            self._say(PictureCancelled(live.order.job_id, live.order.index))

    def preload(self, order: PreloadOrder) -> None:
        self._loads.preload(order)

    def unload(self) -> None:
        self._upscalers.clear()
        self._rounds.forget()
        self._residency.unload(self._orders.in_use)
        self._say(self._residency.report())

    def describe(self) -> WorkerReady:
        return WorkerReady(str(self._placement.device), self._placement.name, self._placement.total_bytes)

    def close(self) -> None:
        for course in list(self._live):
            self._drop(course)
        self._orders.waiting.clear()
        self._loads.preload(None)
        self._said = []
        self._upscalers.clear()
        self._residency.clear()

    # --- work ---

    def step(self) -> list[Event]:
        with torch.inference_mode():
            _ = (not self._others_are_due and self._work()) or self._other_work() or self._work()
        said, self._said = [*self._meter.take(), *self._said], []
        return said

    def _other_work(self) -> bool:
        """What is everybody's: some loading, then a newcomer, or a round."""
        self._others_are_due = False
        # Loading and the pictures on their way each have half of the time, however long a round or the whole load is.
        loaded = self._loads.go_on(self._round_s if self._live else 0.0)
        if self._change() or self._admit():
            return True
        # Beside a round there is time for a piece of what comes next.
        return any([loaded, self._advance(), self._loads.read_ahead()])

    def _work(self) -> bool:
        """Do the next piece of the picture that waited longest for one; after it, others have a turn."""
        working = [one for one in self._live if not one.asks_network and one.wanted is None]
        if not working:
            return False
        course = min(working, key=lambda one: one.worked_at)
        self._pieces += 1
        course.worked_at = self._pieces
        self._others_are_due = True
        self._work_on(course)
        return True

    def _work_on(self, course: Course) -> None:
        with self._meter.charge([course.order]):
            try:
                made = course.work()
                if made is not None:
                    self._finish(course, made)
            except Exception as error:
                self._fail(course, error)

    def _finish(self, course: Course, made: Made) -> None:
        order = course.order
        seconds = time.monotonic() - course.started_at
        self._drop(course)
        self._say(PictureDone(order.job_id, order.index, made.picture.to_pixels(), made.notes, seconds))

    def _loading_failed(self, outfit: Outfit, error: Exception) -> None:
        """A checkpoint that cannot be loaded fails the pictures that need it, and nobody else's."""
        for order in self._orders.waiting_for(outfit):
            self._orders.waiting.remove(order)
            self._say_failed(order, error)
        for course in self._orders.changing_to(outfit):
            self._fail(course, error)

    def _change(self) -> bool:
        """Give a picture on its way the networks that its next pass wants, once they are there."""
        for course in self._orders.changing:
            checkpoint = self._residency.get(course.wanted) if course.wanted else None
            if checkpoint is not None:
                course.wear(checkpoint)
                self._work_on(course)
                return True
        return False

    def _admit(self) -> bool:
        """Take the next waiting picture in: read its prompts, encode them, draw its noise."""
        newcomer = self._orders.newcomer(self._residency.get, self._residency.loading is not None)
        if newcomer is None:
            return False
        order, checkpoint = newcomer
        self._orders.waiting.remove(order)
        if order.stamp is not None and order.checkpoint_path and stamp(order.checkpoint_path) != order.stamp:
            name = order.recipe.checkpoint
            self._say_failed(order, DamagedModel(f"{name} was replaced before this picture was begun. Order it again."))
            return True
        self._say(PictureStarted(order.job_id, order.index))
        # Whoever comes at once is in the very next round, before those that were in the last one.
        served_at = self._round - order.at_once
        course = Course(order, checkpoint, self._upscalers, self._embeddings, served_at)
        self._live.append(course)
        self._work_on(course)
        return True

    def _advance(self) -> bool:
        """One network call for the pictures that waited longest."""
        asking = [one.trajectory for one in self._live if one.asks_network and one.trajectory is not None]
        together = self._rounds.next(asking, self._live_pictures)
        if not together:
            return False
        self._round += 1
        began = time.monotonic()
        for trajectory in together:
            trajectory.served_at = self._round
        self._serve(together)
        self._round_s = time.monotonic() - began
        return True

    def _serve(self, together: Sequence[Trajectory]) -> None:
        with self._meter.charge([one.order for one in together], [len(one.contexts) for one in together]):
            try:
                answers = [
                    one.combined(samples) for one, samples in zip(together, self._rounds.call(together), strict=True)
                ]
            except Exception as error:
                self._round_failed(together, error)
                return
            self._answer(together, answers)

    def _answer(self, together: Sequence[Trajectory], answers: Sequence[Tensor]) -> None:
        asks = [one.ask for one in together]
        denoised = [answer[0] if ask.want_unconditional else answer for ask, answer in zip(asks, answers, strict=True)]
        spreads = health.spreads([ask.x for ask in asks], [ask.sigma for ask in asks], denoised)
        for trajectory, answer, clean, spread in zip(together, answers, denoised, spreads, strict=True):
            course = self._course_of(trajectory)
            try:
                health.check(spread, trajectory.recipe)
                before = trajectory.steps_done
                trajectory.send(answer)
                if trajectory.steps_done > before:
                    self._say_step(course, trajectory, clean)
            except Exception as error:
                self._fail(course, error)

    def _say_step(self, course: Course, trajectory: Trajectory, denoised: Tensor) -> None:
        order, step = course.order, course.steps_before + trajectory.steps_done
        every = order.preview_every_steps
        wanted = every > 0 and step % every == 0 and trajectory.latents is None
        preview = trajectory.checkpoint.preview.jpeg(denoised) if wanted else None
        self._say(PictureStep(order.job_id, order.index, step, course.steps, preview))

    # --- trouble ---

    def _round_failed(self, together: Sequence[Trajectory], error: Exception) -> None:
        """A call that ran out of memory is done again with fewer samples, down to one; a shared one that failed
        otherwise is done again picture by picture, so only the one to blame fails.
        """
        self._raise_if_device_is_lost(error)
        self._placement.release_cache()
        if is_out_of_memory(error) and self._residency.release_idle(self._orders.in_use):
            log.warning("A call for %d pictures did not fit (%s); idle checkpoints made room.", len(together), error)
            return
        if is_out_of_memory(error) and self._rounds.ran_out(together):
            log.warning("A call for %d pictures did not fit (%s); smaller ones follow.", len(together), error)
            return
        if len(together) == 1:
            self._fail(self._course_of(together[0]), error)
            return
        log.warning("A round of %d pictures failed (%s); each goes on alone.", len(together), error)
        for trajectory in together:
            trajectory.alone = True

    def _fail(self, course: Course, error: Exception) -> None:
        self._drop(course)
        self._say_failed(course.order, error)

    def _say_failed(self, order: PictureOrder, error: Exception) -> None:
        # Any exception ends here: this is the worker's loop, at the only place that still knows whose picture it is.
        self._raise_if_device_is_lost(error)
        if is_out_of_memory(error):
            self._placement.release_cache()
            error = out_of_memory(error, self._placement, order.recipe.width_px, order.recipe.height_px)
        if not isinstance(error, StudioError):
            log.error("Picture %s of job %s failed.", order.index, order.job_id, exc_info=error)
            error = GenerationFailed(f"The picture could not be made: {type(error).__name__}: {error}")
        self._say(PictureFailed(order.job_id, order.index, error.code, str(error)))

    def _raise_if_device_is_lost(self, error: Exception) -> None:
        """After such an error every further call on the GPU fails, so the process must end and be started anew."""
        lost = getattr(torch, "AcceleratorError", None)
        if lost is not None and isinstance(error, lost) and not is_out_of_memory(error):
            raise error

    def _drop(self, course: Course) -> None:
        course.close()
        self._live.remove(course)

    def _course_of(self, trajectory: Trajectory) -> Course:
        return next(course for course in self._live if course.trajectory is trajectory)

    def _say(self, event: Event) -> None:
        self._said.append(event)


def _meant(order: CancelOrder, picture: PictureOrder) -> bool:
    return order.job_id == picture.job_id and order.index in (None, picture.index)
