"""The words for progress: what a worker is told, what it answers, and the states of a job.

Orders go in, events come out; both are small frozen dataclasses that pickle. Pixels travel as raw bytes, so neither
side needs the other's libraries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from studio.recipe.model import ResolvedRecipe


class JobState(str, Enum):
    """The life of a job, and of each of its pictures."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def finished(self) -> bool:
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True)
class Pixels:
    """A finished picture: ``data`` is row-major RGB, 8 bits a channel, ``width_px * height_px * 3`` bytes.

    ``alpha`` is one byte a pixel, 255 opaque, or ``None`` where everything is.
    """

    width_px: int
    height_px: int
    data: bytes
    alpha: bytes | None = None


# --- orders: studio -> worker ---


@dataclass(frozen=True)
class PictureOrder:
    """Make one picture. ``checkpoint_path`` is a diffusers folder or a safetensors file, ``None`` where no network is
    needed.

    ``files`` are all others the recipe names by sha256 (source, mask, upscalers), by that hash. One that is to begin
    ``at_once`` joins the pictures on their way even when all places are taken. ``stamp`` is the checkpoint's as it was
    when its hash was known, ``None`` where nobody asked: another one's weights would be told as that hash's.
    """

    job_id: str
    index: int
    recipe: ResolvedRecipe
    checkpoint_path: Path | None
    preview_every_steps: int = 0
    files: Mapping[str, Path] = field(default_factory=dict)
    at_once: bool = False
    stamp: object = None


@dataclass(frozen=True)
class CancelOrder:
    """Stop the pictures of a job; one picture when ``index`` is given. Cancelling what is gone is harmless."""

    job_id: str
    index: int | None = None


@dataclass(frozen=True)
class PreloadOrder:
    """Load ahead of need what a recipe will want: its checkpoint, in the outfit that its pictures will wear. ``files``
    are as in the order that is to come.
    """

    recipe: ResolvedRecipe
    checkpoint_path: Path
    files: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class UnloadOrder:
    """Give back all memory that no picture is using."""


@dataclass(frozen=True)
class StopOrder:
    """Finish nothing more; end the process."""


Order = PictureOrder | CancelOrder | PreloadOrder | UnloadOrder | StopOrder


# --- events: worker -> studio ---


@dataclass(frozen=True)
class WorkerReady:
    """The worker can take orders. ``memory_bytes`` is the device's total (the host's on a CPU)."""

    device: str
    device_name: str
    memory_bytes: int


@dataclass(frozen=True)
class ModelLoading:
    """A checkpoint is being loaded for a job: ``fraction`` from 0 to 1. ``spent_s`` are the seconds that went into it
    so far, without those that others' pictures took meanwhile; 0 where nobody counts.
    """

    checkpoint: str
    fraction: float
    job_id: str
    spent_s: float = 0.0


@dataclass(frozen=True)
class PictureStarted:
    job_id: str
    index: int


@dataclass(frozen=True)
class PictureStep:
    """``step`` of ``steps`` is behind us; ``preview`` is a small JPEG now and then."""

    job_id: str
    index: int
    step: int
    steps: int
    preview: bytes | None = None


@dataclass(frozen=True)
class TimeSpent:
    """Seconds of the device since the last such event, as (job id, index, seconds): each picture's share of the rounds
    it took part in, and the work done for it alone. Waiting is not in it.
    """

    shares: tuple[tuple[str, int, float], ...]


@dataclass(frozen=True)
class PictureDone:
    """A finished picture. ``notes`` go into its metadata (``{"VAE precision": "float32"}``)."""

    job_id: str
    index: int
    pixels: Pixels
    notes: dict[str, str]
    seconds: float


@dataclass(frozen=True)
class PictureFailed:
    """A picture that could not be made. ``code`` is that of the error, ``reason`` its sentence."""

    job_id: str
    index: int
    code: str
    reason: str


@dataclass(frozen=True)
class PictureCancelled:
    job_id: str
    index: int


@dataclass(frozen=True)
class Resident:
    """A checkpoint that takes memory: of the device (nothing where its networks are pointed at host memory), and of the
    host. ``is_ready``: its networks are set up, so the next picture begins at once.
    """

    path: str
    device_bytes: int
    host_bytes: int
    is_ready: bool


@dataclass(frozen=True)
class MemoryReport:
    """Bytes in use on the device and in the worker's process; which checkpoints take them, the last used first, and the
    budgets that bound them. ``residents`` is ``None`` where only the sums are told.
    """

    device_bytes: int
    host_bytes: int
    residents: tuple[Resident, ...] | None = None
    device_budget_bytes: int = 0
    host_budget_bytes: int = 0
    device_free_bytes: int = 0


Event = (
    WorkerReady
    | ModelLoading
    | PictureStarted
    | PictureStep
    | TimeSpent
    | PictureDone
    | PictureFailed
    | PictureCancelled
    | MemoryReport
)
