"""What it costs to swap checkpoints, measured in one run against what it must cost: one copy of their bytes.

Both ways of putting weights in are measured: by pointing at them, as a CPU does, and by copying, as a GPU must. The
copy that they are compared with is of the same bytes between the same memories, tensor by tensor into places that are
there; a cold swap is compared with that copy and with a plain reading of the files, both of them with the files in the
system's cache and with the files dropped from it. What changes numbers on the way (a CPU computes in float32, most
files hold halves) is in the swap and not in what it is compared with. It owns the measuring; nothing here is used to
make pictures.
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
from torch import Tensor

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
    """Median seconds of reading the files plainly, of one copy of the weights, and of a swap that reads them, by
    copying and (on a CPU) by pointing; all took turns. Readings and swaps began with the files in the system's cache
    (``cached``) or dropped from it.
    """

    cached: bool
    read_s: float
    copy_s: float
    copying_s: float
    pointing_s: float

    @property
    def copying_ratio(self) -> float:
        """Of a swap by copying, in plain readings and copies."""
        return self.copying_s / (self.read_s + self.copy_s)

    @property
    def pointing_ratio(self) -> float:
        """Of a swap by pointing, in plain readings and copies; 0 on a GPU."""
        return self.pointing_s / (self.read_s + self.copy_s)


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
        return tuple(max(one.copying_ratio, one.pointing_ratio) for one in self.cold)

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
    placement.use()
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
    memory = HostMemory(pinned=placement.pins)
    chassis = Chassis(files[0], placements, copies=True)
    weights = [_ended(read_weights(one, chassis.skeleton, placements, memory)) for one in files]
    copy_s, warm_s = _taking_turns(repeats, _copying(weights, placement), _putting(chassis, weights))
    pointed_s = 0.0
    if placement.on_cpu:
        (pointed_s,) = _taking_turns(repeats, _putting(Chassis(files[0], placements, copies=False), weights))
    return weights[0].size_bytes, copy_s, warm_s, pointed_s


def _cold(files: Sequence[CheckpointFiles], placement: Placement, repeats: int) -> tuple[float, tuple[ColdReport, ...]]:
    """The seconds of the first reading, and what a swap costs whose weights are read anew each time."""
    swaps = _ColdSwaps(files, placement)
    began = time.perf_counter()
    swaps.by_copying(0)
    first_s = time.perf_counter() - began
    works = [swaps.read_plainly, swaps.by_copying, swaps.copy_again]
    if placement.on_cpu:
        works.append(swaps.by_pointing)
    reports = []
    for swaps.cached in (True, False):
        read_s, copying_s, copy_s, *pointing_s = _taking_turns(repeats, *works, before=swaps.forget)
        reports.append(ColdReport(swaps.cached, read_s, copy_s, copying_s, *pointing_s or [0.0]))
    return first_s, tuple(reports)


class _ColdSwaps:
    """What a swap costs whose weights are read anew each time, by both ways, and what it is compared with."""

    def __init__(self, files: Sequence[CheckpointFiles], placement: Placement) -> None:
        self.cached = True
        self._files = files
        self._placement = placement
        self._memory = HostMemory(pinned=placement.pins)
        placements = dict.fromkeys(files[0].components, placement)
        self._copying = Chassis(files[0], placements, copies=True)
        self._pointing = Chassis(files[0], placements, copies=False)
        self._buffer = bytearray(_PIECE_BYTES)
        self._weights = Weights({})

    def forget(self, turn: int) -> None:
        """Drop the files from the system's cache, if that is what is measured."""
        if not self.cached:
            _forget_cached(self._files[turn % 2])

    def read_plainly(self, turn: int) -> None:
        _read_bytes(self._files[turn % 2], self._buffer)

    def by_copying(self, turn: int) -> None:
        self._swap(turn, self._copying)

    def by_pointing(self, turn: int) -> None:
        self._swap(turn, self._pointing)

    def copy_again(self, turn: int) -> None:
        """Once more the bytes that the swap by copying copied, to where they are."""
        places = [self._copying.parameter(name, key) for name, part in self._weights.components.items() for key in part]
        _copy(_flat(self._weights), places, self._placement)

    def _swap(self, turn: int, chassis: Chassis) -> None:
        self._weights = Weights({})
        self._copying.let_go()
        self._pointing.let_go()
        self._weights = _ended(read_weights(self._files[turn % 2], chassis.skeleton, chassis.placements, self._memory))
        chassis.put(self._weights)


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
    flat = [_flat(one) for one in weights]
    places = [torch.empty_like(tensor, device=placement.device) for tensor in flat[0]]
    return lambda turn: _copy(flat[turn % 2], places, placement)


@torch.inference_mode()
def _copy(tensors: Sequence[Tensor], places: Sequence[Tensor], placement: Placement) -> None:
    for place, tensor in zip(places, tensors, strict=True):
        place.copy_(tensor, non_blocking=True)
    placement.synchronize()


def _flat(weights: Weights) -> list[Tensor]:
    return [tensor for part in weights.components.values() for tensor in part.values()]


def _putting(chassis: Chassis, weights: list[Weights]) -> Callable[[int], None]:
    return lambda turn: chassis.put(weights[turn % 2])


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
