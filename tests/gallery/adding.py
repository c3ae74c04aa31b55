"""A process that adds pictures until it is killed: ``python -m tests.gallery.adding HOME COUNT [DEADLY INDEX]``.

It prints the index of each picture that `Gallery.add` has returned. With ``DEADLY`` it kills itself, as hard as a
power cut, just before that step of picture ``INDEX``.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio.gallery import Gallery, gallery, thumbnails
from studio.paths import Paths
from studio.store import Database
from tests.gallery.pictures import NOTES, pixels, recipe

STEPS: dict[str, tuple[object, str]] = {
    "rename": (Path, "replace"),
    "thumbnail": (thumbnails.Thumbnails, "make"),
    "row": (gallery.Gallery, "_record"),
}
"""The steps of adding, and the function that takes each."""


def deadly(step: str) -> None:
    """Make the process die at the next call of a step."""
    owner, name = STEPS[step]

    def die(*_arguments: Any, **_named: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, die)


def main(home: str, count: str, step: str = "", index: str = "-1") -> None:
    paths = Paths.at(Path(home))
    database = Database.at(paths.database)
    keeping = Gallery(database, paths)
    keeping.recover()
    say: Callable[[object], None] = lambda word: print(word, flush=True)  # noqa: E731
    say("ready")
    for number in range(int(count)):
        if number == int(index):
            deadly(step)
        keeping.add(pixels(number), recipe().for_picture(number), NOTES, "local", "job", number)
        say(number)


if __name__ == "__main__":
    main(*sys.argv[1:])
