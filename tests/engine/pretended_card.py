"""A device that has memory of its own, as a GPU has, on a machine without one: the CPU, told to be treated like that.

Weights are copied into chassis, budgets of the device count, the ladder is gone down, adapters are patched in place.
What it cannot show is what only real hardware does: tensors on the wrong device, pinned memory, a bus.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from studio.engine.placement import Peak, Placement


@dataclass(frozen=True)
class PretendedCard(Placement):
    """``room_bytes`` is what it has free, whatever chassis take."""

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    dtype: torch.dtype = torch.float32
    room_bytes: int = 10**11

    @property
    def on_cpu(self) -> bool:
        return False

    @property
    def name(self) -> str:
        return "a pretended card"

    @property
    def total_bytes(self) -> int:
        return self.room_bytes

    @property
    def free_bytes(self) -> int:
        return self.room_bytes

    @property
    def usable_bytes(self) -> int:
        return self.room_bytes

    @property
    def used_bytes(self) -> int:
        return 0

    @contextmanager
    def peak(self) -> Iterator[Peak]:
        yield Peak()

    def release_cache(self) -> None:
        pass
