"""What can go wrong while a starter checkpoint is made. Owns the words of these errors, nothing else."""

from __future__ import annotations

from pathlib import Path

from studio.errors import StudioError


class TrainingError(StudioError):
    """A training stage could not go on. What was trained so far stays on disk."""


class ArtworkMissing(TrainingError):
    """The pictures to learn from are not there and could not be fetched."""


class StageDamaged(TrainingError):
    """A stage file cannot be read back."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The stage file {path} cannot be read ({reason}). Delete it and run the same command again: "
            "only this stage starts over, the others stay."
        )


class CheckpointUnreadable(TrainingError):
    """A folder is no checkpoint, or a broken one."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(
            f"The checkpoint {folder} cannot be read ({reason}). Name a folder that an export finished, "
            "such as DIR/export of `studio train-starter --out DIR`."
        )


class DiskFull(TrainingError):
    """A stage file could not be written for want of room."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"No room left on the disk for {path}. Free some space and run the same command again: "
            "training goes on from the last file that was saved."
        )
