"""A few wildcards for the tests, as a function from name to entries."""

from __future__ import annotations

from collections.abc import Sequence

from studio.errors import UnknownWildcard
from studio.prompt.unfold import Entry

LISTS: dict[str, tuple[Entry, ...]] = {
    "colours": (Entry("red"), Entry("blue", 2), Entry("gr{een|ay}")),
    "things/odd": (Entry("50% off $5"), Entry("a // b"), Entry("(x:1.2)"), Entry("[cat:dog:0.5]"), Entry("猫\tx")),
    "both": (Entry("__colours__ and __things/odd__"),),
    "loop": (Entry("more __loop__"),),
    "wide": (Entry("__wider__ __wider__"),),
    "wider": (Entry("__wide__ __wide__"), Entry("__wide__ __wide__")),
}


def some(name: str) -> Sequence[Entry]:
    if name not in LISTS:
        raise UnknownWildcard(f"There is no wildcard {name!r}.")
    return LISTS[name]
