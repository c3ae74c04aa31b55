"""Finds what may be models below a folder: pipeline folders and single files. It reads no file and changes none.

A pipeline folder is one find, not its parts. Links are followed, each real folder once. What may not be read is
told.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from studio.library.diffusers_folder import INDEX
from studio.library.single_file import PICKLES, SAFETENSORS

_SUFFIXES = (SAFETENSORS, *PICKLES)
_SKIPPED = {"blobs", "__pycache__", "node_modules", "site-packages", "venv"}


@dataclass(frozen=True)
class Find:
    """One place that may be a model."""

    path: Path
    is_folder: bool


def walk(
    root: Path, on_trouble: Callable[[str], None], on_folder: Callable[[Path], None] = lambda folder: None
) -> Iterator[Find]:
    """Every find below ``root`` in the order of names; a root that is not there holds nothing.

    ``on_trouble`` is told, in a sentence, of folders that may not be read; ``on_folder`` of every folder that was
    looked into, or would have been.
    """
    on_folder(root)

    def refused(error: OSError) -> None:
        on_folder(Path(os.fsdecode(error.filename)))
        if not isinstance(error, FileNotFoundError):
            on_trouble(f"The folder {error.filename} cannot be read: {error.strerror}.")

    seen: set[Path] = set()
    for place, folders, files in os.walk(root, followlinks=True, onerror=refused):
        folder = Path(place)
        real = Path(os.path.realpath(folder))
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        on_folder(folder)
        if _is_pipeline(folders, files):
            folders.clear()
            yield Find(folder, is_folder=True)
            continue
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        for name in sorted(files):
            if name.lower().endswith(_SUFFIXES) and not name.startswith("."):
                yield Find(folder / name, is_folder=False)


def _is_pipeline(folders: list[str], files: list[str]) -> bool:
    """By its index, or by its parts, so that a folder that lost its index is named too."""
    return INDEX in files or ("scheduler" in folders and ("unet" in folders or "transformer" in folders))
