"""What everybody who looks at the page should know of the home: little room, files set aside, a drive that is missing.

Places on the disk are told to those alone who look after the studio.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from studio.paths import Paths
from studio.set_aside import found_in

Kind = Literal["warning", "reset"]
Trouble = Callable[[], str | None]
"""Says what is wrong just now, or nothing."""


@dataclass(frozen=True)
class Notice:
    """One sentence or two. ``id`` stays the same while it is about the same thing; ``for_admins`` names places."""

    id: str
    kind: Kind
    text: str
    for_admins: bool = False

    def as_dict(self) -> dict[str, str]:
        """As the REST routes answer it."""
        return {"id": self.id, "kind": self.kind, "text": self.text}


class Notices:
    """The notices of a home. ``troubles`` are asked anew each time, as are ``own_troubles``, which are for admins;
    ``remarks`` are the settings file's, as it was read at the start."""

    def __init__(
        self,
        paths: Paths,
        troubles: Iterable[Trouble] = (),
        own_troubles: Iterable[Trouble] = (),
        remarks: Sequence[str] = (),
    ) -> None:
        self._folders = kept_folders(paths)
        self._troubles = [*((trouble, False) for trouble in troubles), *((trouble, True) for trouble in own_troubles)]
        self._remarks = tuple(remarks)

    def now(self, *, for_admin: bool) -> list[Notice]:
        """Those that concern the asker, what is to be done first."""
        found = [
            Notice(f"trouble-{number}", "warning", said, for_admins)
            for number, (trouble, for_admins) in enumerate(self._troubles)
            if (said := trouble())
        ]
        found += [Notice(_id(one.file.name), "reset", str(one), for_admins=True) for one in found_in(self._folders)]
        found += [Notice(_id(remark), "warning", remark, for_admins=True) for remark in self._remarks]
        return [notice for notice in found if for_admin or not notice.for_admins]


def kept_folders(paths: Paths) -> tuple[Path, ...]:
    """Where files of state lie, and so where damaged ones are set aside."""
    return (paths.home, paths.cache, paths.model_cards, paths.presets)


def _id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
