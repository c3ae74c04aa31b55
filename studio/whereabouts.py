"""What is where: which checkpoints take the device's and the host's memory, what the disk has left, and what it costs
to change to another.

It joins the worker's reports with the model library. Costs are told from loads that were measured since the start;
before the first one only the bytes are known.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import psutil

from studio.errors import ModelError, NotFound
from studio.library import Library
from studio.library.card import ModelCard
from studio.recipe.events import MemoryReport, ModelLoading, Resident, WorkerReady

Place = Literal["ready", "memory", "disk"]
"""Where a checkpoint's weights are: in networks that can begin at once, in host memory, or in files alone."""

NEWEST_SHARE = 0.5
"""Weight of the newest measure in the running mean of a place's speed."""


@dataclass(frozen=True)
class Cost:
    """What it takes until a checkpoint can begin: from where, how many bytes, and seconds where that was measured.
    ``needs_vae``: somebody must choose it a VAE besides, because neither it nor its card brings one.
    """

    place: Place
    bytes: int
    seconds: float | None
    needs_vae: bool = False


@dataclass(frozen=True)
class Bar:
    """One kind of memory, in bytes: all there is, what this studio's worker uses, what is free, and the budget (0: no
    bound).
    """

    total_bytes: int
    used_bytes: int
    free_bytes: int
    budget_bytes: int = 0


@dataclass(frozen=True)
class Whereabouts:
    """``device`` is ``None`` where there is none besides the host (a CPU), or as long as nothing was reported.
    ``costs`` has every checkpoint that can be used, by its name; ``automatic`` is the one that "auto" means.
    """

    device: Bar | None
    host: Bar
    disk: Bar
    models: tuple[dict[str, object], ...]
    costs: dict[str, Cost]
    automatic: str

    def as_dict(self) -> dict[str, object]:
        """As the REST routes answer it."""
        return asdict(self)


class Memory:
    """Knows what is where. ``report`` and ``ready`` answer what the worker said last; ``disk`` is a folder on the disk
    that models lie on.
    """

    def __init__(
        self,
        library: Library,
        report: Callable[[], MemoryReport | None],
        ready: Callable[[], WorkerReady | None],
        disk: Path,
    ) -> None:
        self._library, self._report, self._ready, self._disk = library, report, ready, disk
        self._lock = threading.Lock()
        self._began: dict[str, tuple[float, Place]] = {}
        self._bytes_per_s: dict[Place, float] = {}

    def heard(self, event: ModelLoading) -> None:
        """A checkpoint is being loaded: how long that takes is remembered by where it was."""
        now_s = time.monotonic()
        card = next((one for one in self._library.checkpoints() if one.name == event.checkpoint), None)
        if card is None:
            return
        with self._lock:
            if event.fraction < 1:
                self._began.setdefault(event.checkpoint, (now_s, self._place(card)))
                return
            began_s, place = self._began.pop(event.checkpoint, (now_s, "ready"))
            if place == "ready" or now_s <= began_s:
                return
            speed = card.size_bytes / (event.spent_s or now_s - began_s)
            before = self._bytes_per_s.get(place, speed)
            self._bytes_per_s[place] = before + NEWEST_SHARE * (speed - before)

    def cost(self, card: ModelCard) -> Cost:
        """What changing to a checkpoint costs now."""
        place = self._place(card)
        size_bytes = 0 if place == "ready" else card.size_bytes
        return Cost(place, size_bytes, self._seconds(card, place), not self._library.has_vae(card))

    def load_times(self, names: Collection[str]) -> dict[str, float]:
        """Seconds until each of these checkpoints can begin, by name; one that no measure tells of is left out."""
        cards = self._library.bare_checkpoints(names)
        found = {card.name: self._seconds(card, self._place(card)) for card in cards}
        return {name: seconds for name, seconds in found.items() if seconds is not None}

    def _seconds(self, card: ModelCard, place: Place) -> float | None:
        speed = self._bytes_per_s.get(place)
        return 0.0 if place == "ready" else card.size_bytes / speed if speed else None

    def now(self) -> Whereabouts:
        """Everything, as it stands."""
        report, ready = self._report(), self._ready()
        cards = {str(card.path): card for card in self._library.checkpoints() if card.usable}
        host = psutil.virtual_memory()
        on_cpu = ready is None or ready.device == "cpu"
        known = report or MemoryReport(0, 0)
        device = None
        if not on_cpu and ready is not None:
            free_bytes = known.device_free_bytes or ready.memory_bytes - known.device_bytes
            device = Bar(ready.memory_bytes, known.device_bytes, free_bytes, known.device_budget_bytes)
        budget_bytes = known.device_budget_bytes if on_cpu else known.host_budget_bytes
        return Whereabouts(
            device=device,
            host=Bar(host.total, known.host_bytes, host.available, budget_bytes),
            disk=self._disk_bar(),
            models=tuple(_told(one, cards.get(one.path)) for one in self._residents),
            costs={card.name: self.cost(card) for card in cards.values()},
            automatic=self._automatic(),
        )

    def _automatic(self) -> str:
        try:
            return self._library.find(hashed=False).name
        except (NotFound, ModelError):
            return ""

    @property
    def _residents(self) -> tuple[Resident, ...]:
        report = self._report()
        return (report.residents or ()) if report else ()

    def _place(self, card: ModelCard) -> Place:
        found = next((one for one in self._residents if one.path == str(card.path)), None)
        return "disk" if found is None else "ready" if found.is_ready else "memory"

    def _disk_bar(self) -> Bar:
        folder = next((one for one in (self._disk, *self._disk.parents) if one.exists()), Path.cwd())
        usage = shutil.disk_usage(folder)
        return Bar(usage.total, sum(card.size_bytes for card in self._library.models()), usage.free)


def _told(resident: Resident, card: ModelCard | None) -> dict[str, object]:
    """A resident by its card; one whose file is gone by the name it had."""
    return {
        "id": card.id if card else "",
        "name": card.name if card else Path(resident.path).name,
        "device_bytes": resident.device_bytes,
        "host_bytes": resident.host_bytes,
        "ready": resident.is_ready,
    }
