"""Makes the engine of a worker process: picks the device, sets up torch for it, and puts the parts together."""

from __future__ import annotations

import os

import torch

from studio.engine.adapters import AdapterShelf
from studio.engine.placement import choose_placement
from studio.engine.residency import Residency
from studio.engine.step_engine import StepEngine


def create_engine(device: str = "auto", live_pictures: int = 8, budget_bytes: int | None = None) -> StepEngine:
    """An engine on ``device`` (``auto``, ``cpu``, ``cuda``, ``cuda:N``) that works on at most ``live_pictures`` at
    once.

    ``budget_bytes`` bounds the weights of loaded checkpoints; by default a share of the free memory.

    Raises:
        SetupError: the device does not exist here.
    """
    placement = choose_placement(device)
    if placement.on_cpu:
        torch.set_num_threads(_cores())
    residency = Residency(placement, budget_bytes, patching=AdapterShelf().patches)
    return StepEngine(placement, residency, live_pictures)


def _cores() -> int:
    """The cores this process may use, fewer if OMP_NUM_THREADS says so."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wished = os.environ.get("OMP_NUM_THREADS", "")
    return min(allowed, int(wished)) if wished.isdigit() and int(wished) > 0 else allowed
