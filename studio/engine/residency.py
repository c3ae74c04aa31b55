"""Which checkpoints are loaded, under a budget of bytes: least recently used out first, never one that is in use.

It owns the loads in progress too, so that one call advances one stage. Building whole networks per checkpoint is the
simple way; the chassis (one set of networks per family, weights copied in) can take its place behind the same four
methods.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from studio.engine.load import LoadedCheckpoint, Loading, load_checkpoint, size_on_device
from studio.engine.model_files import inspect_folder
from studio.engine.placement import Placement

SHARE_OF_MEMORY = 0.6
"""Of the device's free memory at the start: the rest is for activations, the page cache and other programs."""


@dataclass
class _Load:
    path: Path
    stamp: object
    stages: Loading


class Residency:
    """The loaded checkpoints of one device. ``budget_bytes`` bounds their weights; a single one may exceed it."""

    def __init__(
        self,
        placement: Placement,
        budget_bytes: int | None = None,
        load: Callable[[Path, Placement], Loading] = load_checkpoint,
    ) -> None:
        self._placement = placement
        self._budget_bytes = budget_bytes or int(placement.free_bytes * SHARE_OF_MEMORY)
        self._start = load
        self._loaded: OrderedDict[Path, tuple[object, LoadedCheckpoint]] = OrderedDict()
        self._load: _Load | None = None

    @property
    def loading(self) -> Path | None:
        """The checkpoint being loaded."""
        return self._load.path if self._load else None

    def get(self, path: Path) -> LoadedCheckpoint | None:
        """The checkpoint at ``path`` if it is loaded and its files have not changed since."""
        found = self._loaded.get(path)
        if found is None or found[0] != _stamp(path):
            return None
        self._loaded.move_to_end(path)
        return found[1]

    def begin(self, path: Path, in_use: Collection[Path]) -> bool:
        """Start loading ``path`` in place of what has not been used for longest; False if what is in use leaves no
        room.

        Raises:
            ModelError: its files are damaged or of a kind the engine cannot run.
        """
        needed_bytes = size_on_device(inspect_folder(path), self._placement)
        self._loaded.pop(path, None)
        for other in [one for one in self._loaded if one not in in_use]:
            if self._used_bytes + needed_bytes <= self._budget_bytes:
                break
            del self._loaded[other]
        self._placement.release_cache()
        if self._loaded and self._used_bytes + needed_bytes > self._budget_bytes:
            return False
        self._load = _Load(path, _stamp(path), self._start(path, self._placement))
        return True

    def advance(self) -> float:
        """Do the next stage of the load in progress; the fraction that is behind it, 1 when it is done.

        Raises:
            ModelError: as `begin`; the load is given up.
        """
        assert self._load is not None, "begin first"
        load = self._load
        try:
            return next(load.stages)
        except StopIteration as end:
            self._loaded[load.path] = (load.stamp, end.value)
            self._load = None
            return 1.0
        except BaseException:
            self._load = None
            raise

    def give_up(self) -> None:
        """Stop the load in progress and let go of what it holds."""
        if self._load is not None:
            self._load.stages.close()
            self._load = None
            self._placement.release_cache()

    def clear(self) -> None:
        """Let go of everything."""
        self.give_up()
        self._loaded.clear()
        self._placement.release_cache()

    @property
    def _used_bytes(self) -> int:
        return sum(checkpoint.size_bytes for _, checkpoint in self._loaded.values())


def _stamp(path: Path) -> object:
    """Changes when a checkpoint is replaced under the same name: sizes and times of its weight files."""
    try:
        files = sorted(path.glob("*/*.safetensors")) if path.is_dir() else [path]
        return tuple((file.name, status.st_size, status.st_mtime_ns) for file in files for status in [file.stat()])
    except OSError:
        return None
