"""The pictures of an engine: those that wait in line, and those on their way.

It owns whose turn it is to begin, and who needs which networks first. It computes nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from studio.engine.course import Course
from studio.engine.load import LoadedCheckpoint
from studio.engine.outfit import Outfit
from studio.recipe.events import PictureOrder

Newcomer = tuple[PictureOrder, "LoadedCheckpoint | None"]
"""A picture that may begin, with its checkpoint; None where it needs no network."""


class Orders:
    """At most ``places`` pictures are on their way at once, and beside them those that are to begin ``at_once``; others
    wait in the order they came.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self.waiting: list[PictureOrder] = []
        self.live: list[Course] = []

    def add(self, order: PictureOrder) -> None:
        """Put it at the end of the line, or of those that begin at once."""
        hurried = sum(one.at_once for one in self.waiting)
        self.waiting.insert(hurried if order.at_once else len(self.waiting), order)

    @property
    def in_use(self) -> set[Outfit]:
        """The outfits that pictures on their way hold."""
        return {one.uses_checkpoint.outfit for one in self.live if one.uses_checkpoint is not None}

    @property
    def changing(self) -> list[Course]:
        """Pictures on their way that wait for other networks."""
        return [one for one in self.live if one.wanted is not None]

    def first_need(self) -> tuple[Outfit, PictureOrder] | None:
        """The outfit that is needed first, and for whom: whoever is on the way goes before the first in the line."""
        for course in self.changing:
            if course.wanted is not None:
                return course.wanted, course.order
        outfit = Outfit.of(self.waiting[0]) if self.waiting else None
        return None if outfit is None else (outfit, self.waiting[0])

    def changing_to(self, outfit: Outfit) -> list[Course]:
        """Pictures on their way that wait for this outfit."""
        return [one for one in self.live if one.wanted == outfit]

    def waiting_for(self, outfit: Outfit) -> list[PictureOrder]:
        """Those in the line that need this outfit."""
        return [one for one in self.waiting if Outfit.of(one) == outfit]

    def newcomer(self, loaded: Callable[[Outfit], LoadedCheckpoint | None], is_loading: bool) -> Newcomer | None:
        """Whose turn it is to begin: the first in the line, or while that one's checkpoint ``is_loading``, the first
        whose own is ``loaded``. The other finds a place kept.

        Nobody comes in while a picture on its way waits for other networks: newcomers would keep these in use for ever.
        """
        is_full = len(self.live) + is_loading >= self._places or bool(self.changing)
        for order in self.waiting if is_loading else self.waiting[:1]:
            if is_full and not order.at_once:
                continue
            outfit = Outfit.of(order)
            checkpoint = None if outfit is None else loaded(outfit)
            if checkpoint is not None or outfit is None:
                return order, checkpoint
        return None
