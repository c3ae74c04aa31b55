"""Reads ``settings.toml`` whatever its state, and sets a damaged one aside at the start of a studio.

Of a damaged file every line that is whole still counts, except what lets others in: a file that lost the line with a
lock must not keep the line with the door. It refuses to guess: what it left out is named.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.set_aside import SetAside, found_in, set_aside

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OPENING = frozenset({"host", "open", "allowed_hosts"})
"""Settings by which others get in: never taken out of a damaged file."""


@dataclass(frozen=True)
class SettingsFile:
    """What a settings file says. ``problem`` is what is wrong with the file as a whole, ``None`` for a sound one."""

    file: Path
    values: dict[str, Any] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    problem: str | None = None

    def unknown(self, names: Iterable[str]) -> list[str]:
        """A sentence for each setting that there is not; ``names`` are those there are."""
        known = sorted(names)
        return [_unknown(self.file, name, known) for name in self.values if name not in known]


def read_settings_file(file: Path) -> SettingsFile:
    """The settings in ``file``; none when there is no file. Raises `OSError` when it cannot be read at all."""
    if not file.exists():
        return SettingsFile(file)
    data = file.read_bytes()
    if not data:
        return SettingsFile(file, problem="it is empty")
    try:
        return SettingsFile(file, tomllib.loads(data.decode("utf-8")))
    except ValueError as error:
        return _readable_part(file, data, str(error))


def mend_settings_file(file: Path) -> SetAside | None:
    """Set a damaged file aside and write what is whole of it anew; ``None`` for a sound one. Raises `OSError`."""
    found = read_settings_file(file)
    if found.problem is None:
        return None
    if not found.lines:
        return set_aside(file, found.problem)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:  # before the damaged one goes: a full disk must not cost what is whole of it
        with part.open("w", encoding="utf-8") as writing:
            writing.writelines(f"{line}\n" for line in found.lines)
            writing.flush()
            os.fsync(writing.fileno())
        aside = set_aside(file, found.problem)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return aside


def is_in_doubt(file: Path) -> bool:
    """Whether a damaged settings file lies beside ``file``, or is it: what it said of locks may be lost."""
    if any(one.original == file for one in found_in([file.parent])):
        return True
    try:
        return read_settings_file(file).problem is not None
    except OSError:
        return True


def _readable_part(file: Path, data: bytes, problem: str) -> SettingsFile:
    values: dict[str, Any] = {}
    lines: list[str] = []
    # the last line of a file that was cut off may be half of what it was, and still be a value
    for line in data.decode("utf-8", "replace").split("\n")[:-1]:
        try:
            found = {} if line.lstrip().startswith("[") else tomllib.loads(line)
        except ValueError:
            continue
        if not OPENING & found.keys() and not values.keys() & found.keys():
            values |= found
            lines += [line.rstrip("\r")] if found else []
    return SettingsFile(file, values, tuple(lines), problem)


def _unknown(file: Path, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    hint = f"Did you mean {near[0]!r}?" if near else "docs/settings.md lists those there are."
    return f"There is no setting {name!r}, so that line of {file} does nothing. {hint}"
