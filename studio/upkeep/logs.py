"""The log: to the terminal, and to a file in the home that is put away when it grows.

It holds no prompts, no passwords, no keys: what is logged names jobs and pictures by their ids. A disk that is full
costs lines of the log, and nothing else.
"""

from __future__ import annotations

import contextlib
import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
FILE = "studio.log"
CHATTY = ("httpx", "alembic", "uvicorn.error")


class LogFile(RotatingFileHandler):
    """A log file of at most ``most_bytes``, beside ``files - 1`` older ones."""

    def __init__(self, file: Path, most_bytes: int, files: int) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(
            file, maxBytes=most_bytes, backupCount=files - 1, encoding="utf-8", errors="replace", delay=True
        )
        self.setFormatter(logging.Formatter(FORMAT))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, the name is logging's
        """A line that cannot be written is let go: the terminal has it."""
        if self.stream is not None:
            with contextlib.suppress(OSError):
                self.stream.close()
            self.stream = None  # opened again for the next line, when there may be room, or the drive back


def begin_logging(folder: Path, most_mb: float, files: int) -> None:
    """Log to the terminal, and to ``studio.log`` in ``folder`` if that can be written."""
    logging.basicConfig(level=logging.INFO, format=FORMAT)
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        logging.getLogger().addHandler(LogFile(folder / FILE, int(most_mb * 1_000_000), files))
    except OSError as error:
        logging.getLogger(__name__).warning("There is no log file: %s", error)
