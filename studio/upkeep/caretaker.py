"""One thread that tidies once a day, and makes a backup as often as it was told to, or when somebody asks.

Whatever goes wrong is logged, shown, and tried again at its next time; it never ends the thread.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.errors import Conflict, StudioError
from studio.paths import Paths
from studio.upkeep.backup import back_up, backups_in
from studio.upkeep.tidy import Tidying

log = logging.getLogger(__name__)

FIRST_TIDYING_S = 600.0
TIDYING_EVERY_S = 24 * 3600.0
LOOKS_EVERY_S = 60.0


@dataclass(frozen=True)
class BackupPlan:
    """Where backups go, every how many hours (0: only when asked), and how many are kept."""

    folder: Path | None
    hours: float
    keep: int


class Caretaker:
    """Looks after the home of ``paths``. It does nothing before `start`."""

    def __init__(self, paths: Paths, tidying: Tidying, plan: BackupPlan) -> None:
        self._paths, self._tidying, self._plan = paths, tidying, plan
        self._asked = threading.Event()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_backing_up = False
        self._problem: str | None = None
        self._last: str | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="caretaker", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; a backup that is being made is given up. Harmless when repeated."""
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def ask_for_backup(self) -> None:
        """Make a backup now. Raises `Conflict` where no folder is set."""
        if self._plan.folder is None:
            raise Conflict(
                "There is no folder for backups. Set backup_folder in settings.toml, best on another drive, or run: "
                "studio backup FOLDER"
            )
        self._asked.set()
        self._wake.set()

    def trouble(self) -> str | None:
        """What to say to people about backups that fail."""
        return f"The last backup failed: {self._problem}" if self._problem else None

    def describe(self) -> dict[str, Any]:
        """Backups as the REST routes answer them; the newest is first."""
        folder = self._plan.folder
        names = [backup.name for backup in reversed(backups_in(folder))] if folder else []
        return {
            "folder": str(folder) if folder else None,
            "every_hours": self._plan.hours,
            "running": self._asked.is_set() or self._is_backing_up,  # told at once, though it begins in a moment
            "problem": self._problem,
            "last": self._last,
            "backups": names,
        }

    def _run(self) -> None:
        tidy_at_s = time.monotonic() + FIRST_TIDYING_S
        while not self._closing.is_set():
            if self._asked.is_set() or self._is_due():
                self._is_backing_up = True
                self._asked.clear()
                self._back_up()
            if time.monotonic() >= tidy_at_s:
                tidy_at_s = time.monotonic() + TIDYING_EVERY_S
                self._tidy()
            self._wake.wait(LOOKS_EVERY_S)
            self._wake.clear()

    def _is_due(self) -> bool:
        """By the newest backup on the disk, so that restarts neither delay nor repeat one."""
        folder = self._plan.folder
        if folder is None or not self._plan.hours:
            return False
        newest = backups_in(folder)[-1:]
        try:
            # one that seems to be from far ahead was made before the clock was set right
            return not newest or abs(time.time() - newest[0].stat().st_mtime) > self._plan.hours * 3600
        except OSError:
            return True

    def _back_up(self) -> None:
        assert self._plan.folder is not None
        try:
            report = back_up(self._paths, self._plan.folder, self._plan.keep, self._closing.is_set)
            self._problem, self._last = None, str(report)
            log.info("A backup was made. %s", report)
        except StudioError as error:
            if not self._closing.is_set():
                self._problem = str(error)
                log.error("The backup failed: %s", error)
        finally:
            self._is_backing_up = False

    def _tidy(self) -> None:
        try:
            self._tidying.clean()
        except StudioError as error:
            log.error("The home could not be tidied: %s", error)
