"""Loads: which checkpoint is put on next, a piece at a time beside the rounds, and which is read ahead of need.

It owns the order of loads and what is told of them; where things go and what they displace is `residency`'s.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from studio.engine.meter import Meter
from studio.engine.orders import Orders
from studio.engine.outfit import Outfit
from studio.engine.residency import Residency
from studio.recipe.events import Event, ModelLoading, PreloadOrder

log = logging.getLogger(__name__)


class Loads:
    """The loads of an engine, one at a time. ``say`` tells of them; ``failed`` is called with an outfit that cannot be
    put on and why, and ends the pictures that need it.
    """

    def __init__(
        self,
        residency: Residency,
        orders: Orders,
        meter: Meter,
        say: Callable[[Event], None],
        failed: Callable[[Outfit, Exception], None],
    ) -> None:
        self._residency = residency
        self._orders = orders
        self._meter = meter
        self._say = say
        self._failed = failed
        self._next: PreloadOrder | None = None
        self._for: tuple[str, str] = ("", "")
        self._spent_s = 0.0

    @property
    def idle(self) -> bool:
        """Whether nothing is being loaded, or is to be before somebody needs it."""
        return self._next is None and not self._residency.loading and not self._residency.reading_ahead

    def preload(self, order: PreloadOrder | None) -> None:
        """Have this read ahead; what was to come next before is no longer."""
        self._next = order

    def go_on(self, seconds: float) -> bool:
        """Load for so long, at least a stage; False when nothing is to be loaded, or has no room yet."""
        ends_at = time.monotonic() + seconds
        loaded = self._stage()
        while loaded and self._residency.loading is not None and time.monotonic() < ends_at:
            loaded = self._stage()
        return loaded

    def read_ahead(self) -> bool:
        """Read a piece of a checkpoint that the next job will want, beside the pictures that are on their way."""
        if self._residency.loading is not None:
            return False
        try:
            if self._residency.advance_prefetch():
                if not self._residency.reading_ahead:
                    self._say(self._residency.report())
                return True
            ahead = Outfit.of(self._next) if self._next and self._orders.live else None
            return ahead is not None and self._residency.prefetch(ahead)
        except Exception as error:
            self._next = None
            # Nobody waits for it yet: whoever wants the checkpoint will be told when it is his turn.
            log.info("Nothing was read ahead: %s", error)
        return False

    def _stage(self) -> bool:
        """Advance the load in progress, or begin the one that is needed first, else a preload."""
        if self._residency.loading is None and not self._begin():
            return False
        outfit = self._residency.loading
        if outfit is None:
            return True
        changing = [one.order for one in self._orders.changing_to(outfit)]
        wanted_by = [*changing, *self._orders.waiting_for(outfit)][:1]
        if not wanted_by and not self._is_next(outfit):
            self._residency.give_up()
            return True
        checkpoint, job_id = self._for
        began_s = time.monotonic()
        try:
            with self._meter.charge(wanted_by, [1] * len(wanted_by)):
                fraction = self._residency.advance()
        except Exception as error:
            self._give_up(outfit, error)
            return True
        self._spent_s += time.monotonic() - began_s
        self._say(ModelLoading(checkpoint, fraction, job_id, self._spent_s))
        if fraction == 1.0:
            self._is_there(outfit)
            self._say(self._residency.report())
        return True

    def _begin(self) -> bool:
        """True when a load began or failed at once."""
        outfit: Outfit | None = None
        need = self._orders.first_need()
        if need is not None:
            outfit, order = need
            self._for = order.recipe.checkpoint, order.job_id
        elif self._next is not None and not self._orders.live:
            outfit = Outfit.of(self._next)
            self._for = self._next.recipe.checkpoint, ""
        if outfit is None:
            return False
        if self._residency.get(outfit) is not None:
            self._is_there(outfit)
            return False
        self._spent_s = 0.0
        try:
            return self._residency.begin(outfit, self._orders.in_use)
        except Exception as error:
            self._give_up(outfit, error)
            return True

    def _give_up(self, outfit: Outfit, error: Exception) -> None:
        log.warning("Loading %s failed: %s", outfit.checkpoint, error)
        self._is_there(outfit)
        self._failed(outfit, error)

    def _is_next(self, outfit: Outfit) -> bool:
        return self._next is not None and Outfit.of(self._next) == outfit

    def _is_there(self, outfit: Outfit) -> None:
        """What was to be read ahead is no longer, if it is of this checkpoint."""
        if self._next is not None and self._next.checkpoint_path == outfit.checkpoint:
            self._next = None
