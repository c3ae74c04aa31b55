"""Where tensors live and how precise they are: float32 on a CPU, float16 on an NVIDIA GPU.

It owns the choice of device and says what the device is called and how much memory it has. It loads nothing.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from studio.errors import SetupError


@dataclass
class Peak:
    """The most bytes that were in use beside what was before; 0 where nobody counted."""

    bytes: int = 0


@dataclass(frozen=True)
class Placement:
    """The device that computes, and the dtype of the networks' weights. Latents and samplers are always float32."""

    device: torch.device
    dtype: torch.dtype

    @property
    def on_cpu(self) -> bool:
        return self.device.type == "cpu"

    @property
    def pins(self) -> bool:
        """Whether host memory can be pinned, so that the device fetches from it directly."""
        return self.device.type == "cuda"

    def use(self) -> None:
        """Have this thread's calls that name no device go to this one, and not wake another."""
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)

    def synchronize(self) -> None:
        """Wait until the device has done what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    @property
    def name(self) -> str:
        """What the device is called, for a person."""
        return _processor_name() if self.on_cpu else torch.cuda.get_device_name(self.device)

    @property
    def total_bytes(self) -> int:
        """All memory of the device (of the host on a CPU)."""
        if self.on_cpu:
            return psutil.virtual_memory().total
        return torch.cuda.get_device_properties(self.device).total_memory

    @property
    def free_bytes(self) -> int:
        """Memory that could be had now."""
        return psutil.virtual_memory().available if self.on_cpu else torch.cuda.mem_get_info(self.device)[0]

    @property
    def usable_bytes(self) -> int:
        """Memory that computing could use now: what is free, and what this process holds without using it."""
        if self.on_cpu:
            return self.free_bytes
        return self.free_bytes + torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)

    @property
    def host_free_bytes(self) -> int:
        """Memory of the host that could be had now."""
        return psutil.virtual_memory().available

    @property
    def used_bytes(self) -> int:
        """Memory that this process holds on the device."""
        return self.host_bytes if self.on_cpu else torch.cuda.memory_reserved(self.device)

    @property
    def host_bytes(self) -> int:
        """Memory of the host that this process holds."""
        return psutil.Process().memory_info().rss

    @contextmanager
    def peak(self) -> Iterator[Peak]:
        """Tells afterwards how much more memory was in use at the most; nothing on a CPU, which does not count it."""
        peak = Peak()
        if self.on_cpu:
            yield peak
            return
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        yield peak
        peak.bytes = torch.cuda.max_memory_allocated(self.device) - before

    def release_cache(self) -> None:
        """Give memory that is held for reuse back to the device."""
        if not self.on_cpu:
            torch.cuda.empty_cache()


def choose_placement(device: str) -> Placement:
    """The placement for a ``device`` setting: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        SetupError: a GPU was named that this machine or this torch does not have.
    """
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return Placement(torch.device("cpu"), torch.float32)
    wanted = torch.device("cuda" if device == "auto" else device)
    count = torch.cuda.device_count()
    if wanted.type != "cuda" or (wanted.index or 0) >= count:
        seen = f"{count} GPU(s) are visible" if count else "no GPU is visible to this torch"
        raise SetupError(
            f"The device {device!r} cannot be used: {seen}. Set --device auto, or install torch with CUDA."
        )
    return Placement(torch.device("cuda", wanted.index or 0), torch.float16)


def _processor_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux: the platform module knows it there
    return platform.processor() or platform.machine()
