"""When a picture from elsewhere was made, as well as anything says.

What the file says comes first, then a date in its name or in that of a folder over it (A1111 and Fooocus name them so),
then the time the file was last written, which copying often changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import PurePosixPath

_IN_NAME = re.compile(r"(?<!\d)(20\d\d)[-_]?(\d\d)[-_]?(\d\d)[-_T ](\d\d)[-_:]?(\d\d)[-_:]?(\d\d)(?!\d)")
_IN_FOLDER = re.compile(r"(?<!\d)(20\d\d)[-_.](\d\d)[-_.](\d\d)(?!\d)")
_TEXTS = ("Creation Time", "date:create")
"""Keywords of PNG texts that hold a moment: the standard's own, and ImageMagick's."""


def made_at(text: Mapping[str, str], path: str, modified_at: datetime) -> datetime:
    """The moment, in UTC; ``path`` as it was found, with forward slashes. Never later than now."""
    found = _said(text) or _named(path, modified_at) or modified_at
    return min(found, datetime.now(timezone.utc)).astimezone(timezone.utc)


def _said(text: Mapping[str, str]) -> datetime | None:
    for keyword in _TEXTS:
        try:
            found = datetime.fromisoformat(text.get(keyword, "").replace("Z", "+00:00"))
        except ValueError:
            continue
        return found.astimezone()  # without a zone: the clock of this machine
    return None


def _named(path: str, modified_at: datetime) -> datetime | None:
    place = PurePosixPath(path)
    exact = _IN_NAME.search(place.name)
    if exact is not None:
        return _moment([int(group) for group in exact.groups()])
    for folder in reversed(place.parts[:-1]):
        day = _IN_FOLDER.search(folder)
        if day is not None:
            local = modified_at.astimezone()
            return _moment([*(int(group) for group in day.groups()), local.hour, local.minute, local.second])
    return None


def _moment(parts: Sequence[int]) -> datetime | None:
    """Year, month, day, hour, minute and second by the clock of this machine; ``None`` for what never was."""
    year, month, day, hour, minute, second = parts
    try:
        return datetime(year, month, day, hour, minute, second).astimezone()
    except (ValueError, OverflowError):
        return None
