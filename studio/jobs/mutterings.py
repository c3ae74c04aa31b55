"""What a worker process writes to its standard output and error, as lines of the studio's log.

They come through a pipe, so that also a native library's last words, and a traceback of the interpreter's own, reach
the log file, which one process alone writes and puts away.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from multiprocessing.connection import Connection

log = logging.getLogger("studio.worker")

MOST_LINE_BYTES = 10_000
_LINE_END = re.compile(rb"[\r\n]+")


def redirect(saying: Connection | None) -> None:
    """In the worker: write to ``saying`` instead of what was inherited. Windows keeps its own."""
    if saying is None or sys.platform == "win32":
        return
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os.dup2(saying.fileno(), 1)
    os.dup2(saying.fileno(), 2)
    saying.close()


def listen(said: Connection) -> threading.Thread:
    """In the studio: log every line from ``said`` until the worker is gone, then close it."""
    thread = threading.Thread(target=_log_lines, args=(said,), name="worker-lines", daemon=True)
    thread.start()
    return thread


def _log_lines(said: Connection) -> None:
    rest = b""
    with said:
        while block := _read(said.fileno()):
            *lines, rest = _LINE_END.split(rest + block)
            for line in lines:
                _log(line)
            if len(rest) > MOST_LINE_BYTES:
                _log(rest)
                rest = b""
    _log(rest)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:
        return b""


def _log(line: bytes) -> None:
    text = line.decode("utf-8", "replace").rstrip()
    if text:
        log.warning("%s", text)
