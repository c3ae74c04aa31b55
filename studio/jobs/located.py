"""``Located``: where the files of a recipe lie, as whoever knows the library answers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Located:
    """Where the files of a recipe lie: its checkpoint, if it needs one, and the others by sha256; ``stamp`` is the
    checkpoint's.
    """

    checkpoint: Path | None
    files: Mapping[str, Path] = field(default_factory=dict)
    stamp: object = None
