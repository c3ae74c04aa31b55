"""In which orders images are listed, and the places in them at which the next page goes on.

A place is the value that is sorted by with the image's id, so pictures that arrive or go meanwhile shift nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, cast

from sqlalchemy import ColumnElement, func, tuple_

from studio.errors import InvalidField
from studio.gallery.conditions import LONGER_SIDE
from studio.gallery.image import Image
from studio.store.tables import ImageRow

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Order:
    """One way to list images: by ``column``, and by id where that is the same; ``value`` reads it from an image."""

    title: str
    column: Any
    value: Callable[[Image], Any]
    is_descending: bool = False

    @property
    def columns(self) -> tuple[ColumnElement[Any], ...]:
        """What to order by."""
        both = (self.column, ImageRow.id)
        return tuple(cast("ColumnElement[Any]", one.desc() if self.is_descending else one.asc()) for one in both)

    def after(self, place: str) -> ColumnElement[bool]:
        """The condition that an image comes after ``place``. Raises `InvalidField` for one that no page gave."""
        here, there = tuple_(self.column, ImageRow.id), tuple_(*self._read(place))
        return here < there if self.is_descending else here > there

    def place(self, image: Image) -> str:
        """The place of an image."""
        value = self.value(image)
        if isinstance(value, datetime):
            return f"{(value - _EPOCH) // timedelta(microseconds=1)}-{image.id}"
        packed = base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
        return f"{packed}-{image.id}"

    def _read(self, place: str) -> tuple[Any, str]:
        written, _, image_id = place.rpartition("-")
        try:
            if self.column is ImageRow.created_at:
                return _EPOCH + timedelta(microseconds=int(written)), image_id
            value = json.loads(base64.urlsafe_b64decode(written))
            if type(value) is not self._type:
                raise ValueError(written)
        except (ValueError, OverflowError, binascii.Error, RecursionError):
            shown = repr(place[:60])
            words = f"{shown} is no place in the gallery"
            raise InvalidField("before", words, "`next` of the page before, with the same sort") from None
        return value, image_id

    @property
    def _type(self) -> type:
        return str if self.title in ("Checkpoint", "Sampler") else int


def _or_none(column: Any) -> Any:
    return func.coalesce(column, -1)


def _known(value: int | None) -> int:
    return -1 if value is None else value


ORDERS: dict[str, Order] = {
    "newest": Order("Newest", ImageRow.created_at, lambda image: image.created_at, True),
    "oldest": Order("Oldest", ImageRow.created_at, lambda image: image.created_at),
    "largest": Order("Largest", LONGER_SIDE, lambda image: max(image.width_px, image.height_px), True),
    "steps": Order("Steps", _or_none(ImageRow.steps), lambda image: _known(image.steps), True),
    "seed": Order("Seed", _or_none(ImageRow.seed), lambda image: _known(image.seed)),
    "checkpoint": Order("Checkpoint", ImageRow.checkpoint, lambda image: image.checkpoint),
    "sampler": Order("Sampler", ImageRow.sampler, lambda image: image.sampler),
}
"""By name."""


def find_order(name: str) -> Order:
    """The order of that name. Raises `InvalidField`."""
    if name not in ORDERS:
        raise InvalidField("sort", f"{name[:40]!r} is no order", ", ".join(ORDERS))
    return ORDERS[name]
