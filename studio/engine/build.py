"""Makes the engine of a worker process: picks the device, sets up torch for it, and puts the parts together."""

from __future__ import annotations

import os

import torch

from studio.engine.adapters import AdapterShelf
from studio.engine.placement import choose_placement
from studio.engine.residency import Residency
from studio.engine.step_engine import StepEngine

MEGABYTE = 1_000_000


def create_engine(
    device: str = "auto", live_pictures: int = 8, budget_mb: float = 0, host_budget_mb: float = 0
) -> StepEngine:
    """An engine on ``device`` (``auto``, ``cpu``, ``cuda``, ``cuda:N``) that works on at most ``live_pictures`` at
    once.

    ``budget_mb`` bounds the weights on the device, ``host_budget_mb`` those in host memory, in megabytes; 0 takes a
    share of what is free. On a CPU the two are the same memory, and the smaller bound counts.

    Raises:
        SetupError: the device does not exist here.
    """
    placement = choose_placement(device)
    placement.use()
    if placement.on_cpu:
        torch.set_num_threads(_cores())
    budget_bytes, host_budget_bytes = (int(mb * MEGABYTE) or None for mb in (budget_mb, host_budget_mb))
    if placement.on_cpu:
        budget_bytes = min((one for one in (budget_bytes, host_budget_bytes) if one), default=None)
    residency = Residency(placement, budget_bytes, host_budget_bytes, AdapterShelf())
    return StepEngine(placement, residency, live_pictures)


def _cores() -> int:
    """The cores this process may use, fewer if OMP_NUM_THREADS says so."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wished = os.environ.get("OMP_NUM_THREADS", "")
    return min(allowed, int(wished)) if wished.isdigit() and int(wished) > 0 else allowed
