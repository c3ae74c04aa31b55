"""What it costs to swap checkpoints, measured in one run against what it must cost: one copy of their bytes.

Both ways of putting weights in are measured: by pointing at them, as a CPU does, and by copying, as a GPU must. The
copy that they are compared with is of the same bytes between the same memories, tensor by tensor into places that are
there; a cold swap is compared with that copy and with a plain reading of the files, both of them with the files in the
system's cache and with the files dropped from it. It owns the measuring; nothing here is used to make pictures.
"""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from studio.engine.architecture import architecture_of
from studio.engine.bench_traces import WORN_TIMES, Traces, traces_left
from studio.engine.chassis import Chassis
from studio.engine.host_memory import HostMemory
from studio.engine.load import inspect_checkpoint
from studio.engine.model_files import CheckpointFiles
from studio.engine.outfit import Outfit
from studio.engine.placement import Placement, choose_placement
from studio.engine.residency import Residency
from studio.engine.weights import Weights, read_weights
from studio.errors import UnsupportedModel

SWAPS = 50
SETTLED = 5
"""Swaps before memory is looked at for the first time: allocators have their pools then."""

_PIECE_BYTES = 64_000_000


@dataclass(frozen=True)
class ColdReport:
    """Median seconds of reading the files plainly, and of a swap that reads them, by copying and (on a CPU) by
    pointing. ``read_s`` and the swaps began with the files in the system's cache (``cached``) or dropped from it.
    """

    cached: bool
    read_s: float
    copying_s: float
    pointing_s: float


@dataclass(frozen=True)
class SwapReport:
    """Seconds are medians, bytes are of one checkpoint's weights in memory. ``warm_s`` swaps weights that are in host
    memory by copying, ``pointed_s`` by pointing at them (0 on a GPU, which cannot), ``switch_s`` is all of it: files
    looked at, weights put in, everything ready for the first step. ``first_s`` is the first reading after the start,
    into memory that the system has yet to give.
    """

    device: str
    size_bytes: int
    file_bytes: int
    repeats: int
    copy_s: float
    warm_s: float
    pointed_s: float
    switch_s: float
    first_s: float
    cold: tuple[ColdReport, ...]
    host_after_settling: int
    host_after_all: int
    device_after_settling: int
    device_after_all: int
    traces: Traces

    @property
    def warm_ratio(self) -> float:
        return self.warm_s / self.copy_s

    @property
    def cold_ratios(self) -> tuple[float, ...]:
        """Of each cold report the dearer way, in readings and copies."""
        return tuple(max(one.copying_s, one.pointing_s) / (one.read_s + self.copy_s) for one in self.cold)

    @property
    def host_growth(self) -> float:
        """The share by which resident memory grew from the fifth swap to the last."""
        return self.host_after_all / self.host_after_settling - 1

    @property
    def device_growth_bytes(self) -> int:
        """How much more of the device is held after the last swap than after the fifth."""
        return self.device_after_all - self.device_after_settling


def bench_swaps(
    first: Path, second: Path, repeats: int = 7, device: str = "auto", worn_times: int = WORN_TIMES
) -> SwapReport:
    """Swap between two checkpoints of one architecture; ``worn_times`` is how often a LoRA is put on and off.

    Raises:
        UnsupportedModel: they are not of one architecture.
        StudioError: one of them, or the device, cannot be used.
    """
    placement = choose_placement(device)
    files = [inspect_checkpoint(path) for path in (first, second)]
    if architecture_of(files[0]) != architecture_of(files[1]):
        raise UnsupportedModel(
            f"{first.name} and {second.name} are built differently, so neither can replace the other."
        )
    size_bytes, copy_s, warm_s, pointed_s = _warm(files, placement, repeats)
    gc.collect()
    first_s, cold = _cold(files, placement, repeats)
    gc.collect()
    switch_s, settled, after = _switched((first, second), placement, 3 * size_bytes)
    traces = traces_left(first, second, placement, worn_times)
    return SwapReport(
        placement.name, size_bytes, sum(_file_bytes(one) for one in files) // 2, repeats,
        copy_s, warm_s, pointed_s, switch_s, first_s, cold, settled[0], after[0], settled[1], after[1], traces,
    )  # fmt: skip


def _warm(files: Sequence[CheckpointFiles], placement: Placement, repeats: int) -> tuple[int, float, float, float]:
    """The bytes of one checkpoint, and the seconds of a copy, of a swap by copying, and of one by pointing."""
    placements = dict.fromkeys(files[0].components, placement)
    memory = HostMemory(pinned=not placement.on_cpu)
    chassis = Chassis(files[0], placements, copies=True)
    weights = [_ended(read_weights(one, chassis.skeleton, placements, memory)) for one in files]
    copy_s, warm_s = _taking_turns(repeats, _copying(weights, placement), _putting(chassis, weights))
    pointed_s = 0.0
    if placement.on_cpu:
        (pointed_s,) = _taking_turns(repeats, _putting(Chassis(files[0], placements, copies=False), weights))
    return weights[0].size_bytes, copy_s, warm_s, pointed_s


def _cold(files: Sequence[CheckpointFiles], placement: Placement, repeats: int) -> tuple[float, tuple[ColdReport, ...]]:
    """The seconds of the first reading, and what a swap costs whose weights are read anew each time."""
    buffer = bytearray(_PIECE_BYTES)
    memory = HostMemory(pinned=not placement.on_cpu)
    chassis = Chassis(files[0], dict.fromkeys(files[0].components, placement), copies=True)
    pointed = Chassis(files[0], chassis.placements, copies=False) if placement.on_cpu else None
    began = time.perf_counter()
    _reading(files, chassis, memory)(0)
    first_s = time.perf_counter() - began
    chassis.let_go()
    reports = []
    for cached in (True, False):
        before = (lambda turn: None) if cached else (lambda turn: _forget_cached(files[turn % 2]))
        plain = lambda turn: _read_bytes(files[turn % 2], buffer)  # noqa: E731
        read_s, copying_s = _taking_turns(repeats, plain, _reading(files, chassis, memory), before=before)
        chassis.let_go()
        pointing_s = 0.0
        if pointed is not None:
            (pointing_s,) = _taking_turns(repeats, _reading(files, pointed, memory), before=before)
            pointed.let_go()
        reports.append(ColdReport(cached, read_s, copying_s, pointing_s))
    return first_s, tuple(reports)


def _switched(
    paths: tuple[Path, Path], placement: Placement, budget_bytes: int
) -> tuple[float, tuple[int, int], tuple[int, int]]:
    """Swap to and fro as the engine does; the median second, and the memory after some swaps and after all."""
    # Room for the weights of both in host memory, and for one chassis where that takes memory of its own.
    device_bytes = budget_bytes if placement.on_cpu else 1
    residency = Residency(placement, device_bytes, budget_bytes)
    seconds = []
    settled = (0, 0)
    with torch.inference_mode():
        for number in range(SWAPS):
            began = time.perf_counter()
            residency.begin(Outfit(paths[number % 2]), ())
            while residency.loading:
                residency.advance()
            seconds.append(time.perf_counter() - began)
            if number + 1 == SETTLED:
                gc.collect()
                settled = placement.host_bytes, placement.used_bytes
    gc.collect()
    after = placement.host_bytes, placement.used_bytes
    residency.clear()
    return statistics.median(seconds[SETTLED:]), settled, after


def _copying(weights: list[Weights], placement: Placement) -> Callable[[int], None]:
    flat = [[tensor for part in one.components.values() for tensor in part.values()] for one in weights]
    places = [torch.empty_like(tensor, device=placement.device) for tensor in flat[0]]

    def copy(turn: int) -> None:
        for place, tensor in zip(places, flat[turn % 2], strict=True):
            place.copy_(tensor, non_blocking=True)
        if not placement.on_cpu:
            torch.cuda.synchronize(placement.device)

    return copy


def _putting(chassis: Chassis, weights: list[Weights]) -> Callable[[int], None]:
    return lambda turn: chassis.put(weights[turn % 2])


def _reading(files: Sequence[CheckpointFiles], chassis: Chassis, memory: HostMemory) -> Callable[[int], None]:
    def swap(turn: int) -> None:
        chassis.let_go()
        chassis.put(_ended(read_weights(files[turn % 2], chassis.skeleton, chassis.placements, memory)))

    return swap


def _read_bytes(files: CheckpointFiles, buffer: bytearray) -> None:
    for file in _weight_files(files):
        with file.open("rb", buffering=0) as stream:
            while stream.readinto(buffer):
                pass


def _forget_cached(files: CheckpointFiles) -> None:
    """Have the system drop the files from its cache; it drops what is on the disk already."""
    if not hasattr(os, "posix_fadvise"):
        return
    for file in _weight_files(files):
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def _weight_files(files: CheckpointFiles) -> set[Path]:
    return {file for part in files.components.values() for file in part.weights}


def _file_bytes(files: CheckpointFiles) -> int:
    return sum(file.stat().st_size for file in _weight_files(files))


def _taking_turns(
    repeats: int, *works: Callable[[int], object], before: Callable[[int], object] = lambda turn: None
) -> list[float]:
    """The median second of each, after one try that does not count. They take turns, so that whatever else the machine
    does hits all of them; ``before`` each is not counted.
    """
    seconds: list[list[float]] = [[] for _ in works]
    for turn in range(repeats + 1):
        for work, times in zip(works, seconds, strict=True):
            before(turn)
            began = time.perf_counter()
            work(turn)
            times.append(time.perf_counter() - began)
    return [statistics.median(times[1:]) for times in seconds]


def _ended(reading: Generator[float, None, Weights]) -> Weights:
    while True:
        try:
            next(reading)
        except StopIteration as end:
            weights: Weights = end.value
            return weights
