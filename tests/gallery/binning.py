"""A process that bins and restores all pictures until it is killed: ``python -m tests.gallery.binning HOME [CHUNK]``.

It prints "ready", then the state that each call left ("bin" or "here"). With ``CHUNK`` it kills itself, as hard as a
power cut, just before that many statements of the first call's changes would have run.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path

from sqlalchemy import Update, event

from studio.gallery import Gallery
from studio.paths import Paths
from studio.store import Database


def main(home: str, chunk: str = "0") -> None:
    paths = Paths.at(Path(home))
    database = Database.at(paths.database)
    gallery = Gallery(database, paths)
    ids = list(gallery.ids("local"))
    changes = itertools.count(1)

    def watched(_connection: object, statement: object, *_rest: object) -> None:
        if isinstance(statement, Update) and next(changes) == int(chunk):
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(database._engine, "before_execute", watched)
    print("ready", flush=True)
    while True:
        gallery.bin("local", ids)
        print("bin", flush=True)
        gallery.restore("local", ids)
        print("here", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
