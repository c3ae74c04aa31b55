"""Damaged files are never deleted: each is set aside beside its place under a name with the time, and is found there.

The files themselves are the record: as long as one lies there, the page, the log and ``studio doctor`` name it; who
has looked at it moves or deletes it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

log = logging.getLogger(__name__)

_STAMP = "%Y%m%d-%H%M%S-%f"
_NAME = re.compile(r"(?P<name>.+)\.damaged-(?P<stamp>\d{8}-\d{6}-\d{6})")

_RESETS = {
    "settings.toml": "What could still be read of it was kept; the other settings have their defaults again, and "
    "whatever lets others in was left out. Until it is moved away, this studio listens on this machine only.",
    "studio.db": "A new one was made with what could still be read, and with a row for every picture file.",
    "secret.key": "A new one was made: everybody logs in again, and invitations that were out no longer count.",
    "model-hashes.json": "Models are read again when they are next used.",
    "model-checks.json": "What was found of models that were checked is no longer known. Check them again.",
}
"""What became of the things in the files of these names."""


@dataclass(frozen=True)
class SetAside:
    """A file that was damaged: which one, where it lies now, and when that was found."""

    original: Path
    file: Path
    at: datetime

    def __str__(self) -> str:
        what = _RESETS.get(self.original.name, "It is written anew when something is next kept there.")
        return (
            f"{self.original.name} was damaged and was set aside on {self.at:%Y-%m-%d at %H:%M} as {self.file}. {what}"
        )


def set_aside(file: Path, reason: str) -> SetAside:
    """Rename a damaged file, and log it. Raises `OSError`."""
    now = datetime.now()
    target = file.with_name(f"{file.name}.damaged-{now.strftime(_STAMP)}")
    file.rename(target)
    found = SetAside(file, target, now)
    log.error("%s The reason: %s.", found, reason)
    return found


def found_in(folders: Iterable[Path]) -> list[SetAside]:
    """Every file that was set aside in these folders, the newest first."""
    found = []
    for folder in folders:
        try:
            names = [path.name for path in folder.iterdir()]
        except OSError:
            continue
        for name in names:
            match = _NAME.fullmatch(name)
            if match:
                at = datetime.strptime(match["stamp"], _STAMP)
                found.append(SetAside(folder / match["name"], folder / name, at))
    return sorted(found, key=lambda one: one.at, reverse=True)
