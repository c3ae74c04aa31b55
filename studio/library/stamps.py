"""Whether a model is still the one it was, told from sizes and times: quick enough to ask before every picture."""

from __future__ import annotations

from pathlib import Path

Stamp = tuple[tuple[str, int, int], ...]
"""Name, size and time of change of each weight file."""


def stamp(path: Path) -> Stamp | None:
    """Changes when a model is replaced under the same name; ``None`` where its files cannot be asked."""
    try:
        files = sorted(path.glob("*/*.safetensors")) if path.is_dir() else [path]
        return tuple((file.name, status.st_size, status.st_mtime_ns) for file in files for status in [file.stat()])
    except OSError:
        return None
