"""What people see of a job: frozen snapshots, and the names under which they travel as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from studio.recipe import ResolvedRecipe
from studio.recipe.events import JobState


@dataclass(frozen=True)
class PictureView:
    """One picture as it stands. ``step`` of ``steps`` is behind it; ``preview_version`` grows with each new preview.

    ``prompt`` is the picture's own where it is not the job's: chance chose its words.
    """

    index: int
    state: JobState
    seed: int
    variation_seed: int
    steps: int
    step: int = 0
    image_id: str | None = None
    error: str | None = None
    seconds: float | None = None
    preview_version: int = 0
    prompt: str | None = None

    def as_dict(self) -> dict[str, object]:
        """The picture for JSON."""
        return {
            "index": self.index,
            "state": self.state.value,
            "seed": self.seed,
            "variation_seed": self.variation_seed,
            "step": self.step,
            "steps": self.steps,
            "image_id": self.image_id,
            "error": self.error,
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "preview_version": self.preview_version,
            "prompt": self.prompt,
        }


@dataclass(frozen=True)
class JobView:
    """A job as it stands.

    ``progress`` is 0 to 1 over all pictures. ``place`` in line counts from 1 while the job waits. Of a ``paused`` job
    no further picture is taken. ``loading`` is the fraction of its checkpoint that is loaded, while it loads.
    ``seconds_left`` is an estimate, once there is a measure. ``error`` is why it failed, ``notice`` what holds
    everybody up just now. ``revision`` is larger in every later view, after a restart too: answers and events overtake
    each other, and whoever shows jobs keeps the latest.
    """

    id: str
    owner: str
    state: JobState
    count: int
    recipe: ResolvedRecipe
    pictures: tuple[PictureView, ...]
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    place: int | None = None
    loading: float | None = None
    seconds_left: float | None = None
    error: str | None = None
    notice: str | None = None
    revision: int = 0
    paused: bool = False

    @property
    def done(self) -> int:
        return self._count(JobState.DONE)

    @property
    def failed(self) -> int:
        return self._count(JobState.FAILED)

    @property
    def cancelled(self) -> int:
        return self._count(JobState.CANCELLED)

    @property
    def progress(self) -> float:
        """The share of the work that is behind: finished pictures whole, running ones by their steps."""
        behind = sum(1.0 if one.state.finished else one.step / max(1, one.steps) for one in self.pictures)
        return behind / max(1, len(self.pictures))

    @property
    def preview_version(self) -> int:
        """Grows whenever any picture of the job has a new preview."""
        return sum(picture.preview_version for picture in self.pictures)

    def as_dict(self) -> dict[str, object]:
        """The job for JSON. The owner stays out: who asks is the owner."""
        return {**self._told(), "pictures": [picture.as_dict() for picture in self.pictures]}

    def as_summary(self) -> dict[str, object]:
        """The job for JSON with its pictures counted, and the ids of the ``images`` that were made."""
        running = self._count(JobState.RUNNING)
        images = [picture.image_id for picture in self.pictures if picture.image_id]
        return {**self._told(), "running": running, "images": images}

    def _told(self) -> dict[str, object]:
        return {
            "id": self.id,
            "revision": self.revision,
            "state": self.state.value,
            "paused": self.paused,
            "count": self.count,
            "done": self.done,
            "failed": self.failed,
            "cancelled": self.cancelled,
            "progress": round(self.progress, 4),
            "place": self.place,
            "loading": None if self.loading is None else round(self.loading, 3),
            "seconds_left": None if self.seconds_left is None else round(self.seconds_left, 1),
            "preview_version": self.preview_version,
            "error": self.error,
            "notice": self.notice,
            "created_at": self.created_at.isoformat(),
            "started_at": self.started_at.isoformat() if self.started_at else None,
            "finished_at": self.finished_at.isoformat() if self.finished_at else None,
            "recipe": self.recipe.model_dump(mode="json"),
        }

    def _count(self, state: JobState) -> int:
        return sum(picture.state is state for picture in self.pictures)
