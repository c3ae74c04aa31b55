"""Reads models again from end to end, and keeps what was found as long as their files stay what they were.

What is kept is a JSON file in the cache that can be thrown away; a damaged one is set aside. A command beside a running
studio writes the same file, so it is looked at again when it changes.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from studio.errors import DamagedModel
from studio.library.card import Checked, ModelCard
from studio.library.hashes import Hashes, stamp_of
from studio.library.header import read_header
from studio.library.single_file import SAFETENSORS
from studio.set_aside import set_aside

log = logging.getLogger(__name__)

MEMORY_FILE = "model-checks.json"
Stamps = Sequence["list[int] | None"]


def stamps_in_order(card: ModelCard) -> Stamps:
    """Size and time of change of each of a model's files."""
    return [stamp_of(file) for file in card.files]


def read_again(card: ModelCard, hashes: Hashes, progress: Callable[[int, int], None]) -> str | None:
    """What is wrong with a model when all of it is read, in a sentence; ``None`` when it is sound."""
    if card.trouble == "damaged" or not card.files:
        return card.problem
    headers = [read_header(file) for file in card.files if file.suffix.lower() == SAFETENSORS]
    problem = next((header.problem for header in headers if header.problem), None)
    if problem:
        return problem
    before, stamps, done_bytes = hashes.known(card.path, card.files), stamps_in_order(card), 0

    def on_bytes(count: int) -> None:
        nonlocal done_bytes
        done_bytes += count
        progress(done_bytes, max(card.size_bytes, done_bytes))

    progress(0, card.size_bytes)
    try:
        now = hashes.fresh(card.path, card.files, on_bytes)
    except DamagedModel as error:
        return str(error)
    if stamps != stamps_in_order(card):
        return "It changed while it was read. Check it again."
    if before and before != now:
        return (
            f"Its bytes changed although size and time did not: the hash was {before[:10]} and is {now[:10]} now. "
            "The disk or a cable may be failing; download it again."
        )
    return None


class Outcomes:
    """What was found, of all models. All methods may be called from any thread."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / MEMORY_FILE
        self._entries: Mapping[str, Mapping[str, Any]] = {}
        self._stamp: list[int] | None = None
        self._lock = threading.Lock()
        self.look()

    def look(self) -> None:
        """See what another process has kept since."""
        stamp = stamp_of(self._file)
        if stamp != self._stamp:
            with self._lock:
                self._entries, self._stamp = _load(self._file), stamp

    def of(self, card: ModelCard) -> Checked | None:
        """What was found of a model as its files are now."""
        entry = self._entries.get(str(card.path))
        if entry is None or entry["stamps"] != stamps_in_order(card):
            return None
        return Checked(entry["at"], entry["problem"])

    def keep(self, card: ModelCard, stamps: Stamps, problem: str | None) -> None:
        """Keep what was found of a model whose files were these when it was begun."""
        at = datetime.now(timezone.utc).isoformat(timespec="seconds")
        with self._lock:
            self._entries = {
                **_load(self._file),
                str(card.path): {"at": at, "problem": problem, "stamps": list(stamps)},
            }
            part = self._file.with_name(f".{self._file.name}.{os.getpid()}.part")
            try:
                part.parent.mkdir(parents=True, exist_ok=True)
                part.write_text(json.dumps(self._entries), encoding="utf-8")
                part.replace(self._file)
                self._stamp = stamp_of(self._file)
            except OSError as error:
                log.warning("What was found of models is not remembered in %s: %s", self._file, error)


def _load(file: Path) -> dict[str, dict[str, Any]]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("it holds no models")
    except OSError:
        return {}
    except (ValueError, RecursionError) as error:
        with contextlib.suppress(OSError):
            set_aside(file, str(error))
        return {}
    return {name: entry for name, entry in content.items() if _is_outcome(entry)}


def _is_outcome(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("at"), str)
        and isinstance(entry.get("problem"), (str, type(None)))
        and isinstance(entry.get("stamps"), list)
    )
