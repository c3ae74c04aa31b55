"""What it costs to swap checkpoints, measured in one run against what it must cost: one copy of their bytes.

Both ways of putting weights in are measured: by pointing at them, as a CPU does, and by copying, as a GPU must. The
copy that they are compared with is of the same bytes between the same memories, tensor by tensor into places that are
there. It owns the measuring; nothing here is used to make pictures.
"""

from __future__ import annotations

import gc
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

from studio.engine.architecture import architecture_of
from studio.engine.chassis import Chassis, network_without_weights
from studio.engine.load import inspect_checkpoint
from studio.engine.model_files import CheckpointFiles
from studio.engine.outfit import Outfit
from studio.engine.placement import Placement, choose_placement
from studio.engine.residency import Residency
from studio.engine.weights import Weights, read_weights
from studio.errors import InvalidField, UnsupportedModel
from studio.library.families import family_folder

SWAPS = 50
SETTLED = 5
"""Swaps before memory is looked at for the first time: allocators have their pools then."""

_PIECE_BYTES = 64_000_000


@dataclass(frozen=True)
class SwapReport:
    """Seconds are medians, bytes are of one checkpoint's weights in memory. ``warm_s`` swaps weights that are in host
    memory by copying, ``pointed_s`` by pointing at them (0 on a GPU, which cannot), ``switch_s`` is all of it: files
    looked at, weights put in, everything ready for the first step.
    """

    device: str
    size_bytes: int
    file_bytes: int
    repeats: int
    copy_s: float
    warm_s: float
    pointed_s: float
    switch_s: float
    read_s: float
    cold_s: float
    host_after_settling: int
    host_after_all: int
    device_after_settling: int
    device_after_all: int

    @property
    def warm_ratio(self) -> float:
        return self.warm_s / self.copy_s

    @property
    def cold_ratio(self) -> float:
        return self.cold_s / (self.read_s + self.copy_s)

    @property
    def host_growth(self) -> float:
        """The share by which resident memory grew from the fifth swap to the last."""
        return self.host_after_all / self.host_after_settling - 1


def bench_swaps(first: Path, second: Path, repeats: int = 7, device: str = "auto") -> SwapReport:
    """Swap between two checkpoints of one architecture.

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
    buffer = bytearray(_PIECE_BYTES)
    read_s = _median(repeats, lambda turn: _read_bytes(files[turn % 2], buffer))
    cold_s = _median(repeats, _loading(files, placement))
    gc.collect()
    switch_s, settled, after = _switched((first, second), placement, 3 * size_bytes)
    return SwapReport(
        placement.name, size_bytes, sum(_file_bytes(one) for one in files) // 2, repeats,
        copy_s, warm_s, pointed_s, switch_s, read_s, cold_s, settled[0], after[0], settled[1], after[1],
    )  # fmt: skip


def _warm(files: Sequence[CheckpointFiles], placement: Placement, repeats: int) -> tuple[int, float, float, float]:
    """The bytes of one checkpoint, and the seconds of a copy, of a swap by copying, and of one by pointing."""
    placements = dict.fromkeys(files[0].components, placement)
    chassis = Chassis(files[0], placements, copies=True)
    weights = [_ended(read_weights(one, chassis.skeleton, placements)) for one in files]
    copy_s = _median(repeats, _copying(weights, placement))
    warm_s = _median(repeats, _putting(chassis, weights))
    pointed_s = 0.0
    if placement.on_cpu:
        pointed_s = _median(repeats, _putting(Chassis(files[0], placements, copies=False), weights))
    return weights[0].size_bytes, copy_s, warm_s, pointed_s


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


def _loading(files: Sequence[CheckpointFiles], placement: Placement) -> Callable[[int], None]:
    chassis = Chassis(files[0], dict.fromkeys(files[0].components, placement), copies=True)
    return lambda turn: chassis.put(_ended(read_weights(files[turn % 2], chassis.skeleton, chassis.placements)))


def _read_bytes(files: CheckpointFiles, buffer: bytearray) -> None:
    for file in {file for part in files.components.values() for file in part.weights}:
        with file.open("rb", buffering=0) as stream:
            while stream.readinto(buffer):
                pass


def _file_bytes(files: CheckpointFiles) -> int:
    return sum(file.stat().st_size for file in {file for part in files.components.values() for file in part.weights})


def _median(repeats: int, work: Callable[[int], object]) -> float:
    seconds = []
    for turn in range(repeats + 1):
        began = time.perf_counter()
        work(turn)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])


def _ended(reading: Generator[float, None, Weights]) -> Weights:
    while True:
        try:
            next(reading)
        except StopIteration as end:
            weights: Weights = end.value
            return weights


MADE = ("sd1", "sd2", "sdxl")


@contextmanager
def made_checkpoints(family: str) -> Iterator[tuple[Path, Path]]:
    """Two checkpoints of a family's real size with random weights in half precision, in a folder that goes afterwards.

    Raises:
        InvalidField: a family that has no configuration here.
    """
    folder = family_folder(family) if family in MADE else None  # type: ignore[arg-type]
    if folder is None:
        raise InvalidField("made", f"there is no {family!r} to make", ", ".join(MADE))
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as place:
        paths = Path(place) / "first", Path(place) / "second"
        # The folders' tokenizers leave their vocabulary to one that lies beside all of them.
        shutil.copytree(folder.parent / "tokenizer", Path(place) / "tokenizer")
        for seed, path in enumerate(paths):
            _make(folder, path, seed)
        yield paths


def _make(folder: Path, path: Path, seed: int) -> None:
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    names = [name for name in ("text_encoder", "text_encoder_2", "unet", "vae") if (folder / name).is_dir()]
    configs = {name: json.loads((folder / name / "config.json").read_text(encoding="utf-8")) for name in names}
    generator = torch.Generator().manual_seed(seed)
    for name, config in configs.items():
        network = network_without_weights(name, config, name)
        shapes = {key: parameter.shape for key, parameter in network.named_parameters()}
        (path / name).mkdir(parents=True)
        (path / name / "config.json").write_text(json.dumps(config), encoding="utf-8")
        tensors = {
            key: torch.rand(shape, generator=generator).sub_(0.5).mul_(0.1).half() for key, shape in shapes.items()
        }
        stem = "model" if name.startswith("text") else "diffusion_pytorch_model"
        save_file(tensors, path / name / f"{stem}.safetensors", {"format": "pt"})
    for name in ("scheduler", "tokenizer", "tokenizer_2"):
        if (folder / name).is_dir():
            (path / name).mkdir()
            for file in (folder / name).iterdir():
                (path / name / file.name).write_bytes(file.read_bytes())
    (path / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
