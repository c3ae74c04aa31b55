"""Whether swaps and adapters leave a trace: in a picture made again after them, and in weights that wore a LoRA often.

The LoRAs are made here, of random numbers over attention and output of the UNet. It owns the comparison, bit by bit.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from studio.engine.adapters import AdapterShelf
from studio.engine.bench import bench_recipe
from studio.engine.chassis import Chassis
from studio.engine.load import inspect_checkpoint
from studio.engine.outfit import Outfit, Worn
from studio.engine.placement import Placement
from studio.engine.residency import Residency
from studio.engine.step_engine import StepEngine
from studio.engine.weights import read_weights
from studio.errors import GenerationFailed
from studio.recipe.adapters import Adapter
from studio.recipe.events import PictureDone, PictureFailed, PictureOrder

WORN_TIMES = 100
LORAS = 3
_RANK = 4
_STEPS = 2
_SIDE_PX = 128


@dataclass(frozen=True)
class Traces:
    """``same_picture``: the same bytes after three LoRAs and two swaps. ``same_weights``: bit-identical after a LoRA
    was put on and off ``worn_times``; ``device_growth_bytes`` is what that left on the device.
    """

    same_picture: bool
    changed_by_loras: bool
    same_weights: bool
    worn_times: int
    device_growth_bytes: int


def traces_left(first: Path, second: Path, placement: Placement, worn_times: int = WORN_TIMES) -> Traces:
    """Look for traces on two checkpoints of one architecture.

    Raises:
        StudioError: one of them cannot be used, or a picture failed.
    """
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        chassis = Chassis(inspect_checkpoint(first), _placements(first, placement))
        loras = {f"{number}": _lora(Path(folder) / f"{number}.safetensors", chassis, number) for number in range(LORAS)}
        same, changed = _pictures(first, second, loras, placement)
        weights_same, grown = _worn_often(first, loras["0"], placement, worn_times)
    return Traces(same, changed, weights_same, worn_times, grown)


def _placements(path: Path, placement: Placement) -> dict[str, Placement]:
    return dict.fromkeys(inspect_checkpoint(path).components, placement)


def _lora(file: Path, chassis: Chassis, seed: int) -> Path:
    """A LoRA over attention and output of the UNet; random networks hardly look at their attention."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    for name, shape in chassis.skeleton["unet"].items():
        if name.endswith(("to_q.weight", "to_v.weight", "conv_out.weight")):
            module, kernel = f"unet.{name.removesuffix('.weight')}", shape[2:]
            up = torch.randn((shape[0], _RANK, *[1] * len(kernel)), generator=generator) * 0.005
            tensors[f"{module}.lora_A.weight"] = torch.randn((_RANK, shape[1], *kernel), generator=generator)
            tensors[f"{module}.lora_B.weight"] = up
    save_file(tensors, file)
    return file


def _pictures(first: Path, second: Path, loras: Mapping[str, Path], placement: Placement) -> tuple[bool, bool]:
    """Whether a picture is the same after LoRAs and swaps, and whether the LoRAs changed it meanwhile."""
    # Room for one chassis: every change is a swap in place.
    engine = StepEngine(placement, Residency(placement, 1, None, AdapterShelf()))
    try:
        before = _picture(engine, first, {})
        worn = _picture(engine, first, loras)
        for path in (second, first, second):
            swapped = _picture(engine, path, {})
        after = _picture(engine, first, {})
    finally:
        engine.close()
    return after == before, worn != before != swapped


def _picture(engine: StepEngine, checkpoint: Path, loras: Mapping[str, Path]) -> bytes:
    adapters = tuple(Adapter(name=name, sha256=name, unet_weight=0.8, text_weight=0.8) for name in loras)
    recipe = bench_recipe(_STEPS, _SIDE_PX).model_copy(update={"adapters": adapters})
    engine.submit(PictureOrder("bench", 0, recipe, checkpoint, files=dict(loras)))
    while not engine.idle:
        for event in engine.step():
            if isinstance(event, PictureFailed):
                raise GenerationFailed(event.reason)
            if isinstance(event, PictureDone):
                return event.pixels.data
    raise GenerationFailed("The picture of the measurement was not made.")


def _worn_often(first: Path, lora: Path, placement: Placement, times: int) -> tuple[bool, int]:
    """Whether the weights are bit for bit what they were, and how much more of the device is held."""
    files = inspect_checkpoint(first)
    chassis = Chassis(files, dict.fromkeys(files.components, placement), copies=True)
    reading = read_weights(files, chassis.skeleton, chassis.placements)
    while True:
        try:
            next(reading)
        except StopIteration as end:
            weights = end.value
            break
    chassis.put(weights)
    patches = AdapterShelf().patches(Outfit(first, adapters=(Worn(lora),)), chassis)
    worn = {key: weights.components["unet"][key] for key in patches["unet"]}
    chassis.wear(patches)
    if any(torch.equal(chassis.parameter("unet", key).cpu(), clean) for key, clean in worn.items()):
        return False, 0  # a LoRA that changes nothing would show nothing
    chassis.wear({})
    before = placement.used_bytes
    for _ in range(times):
        chassis.wear(patches)
        chassis.wear({})
    grown = 0 if placement.on_cpu else placement.used_bytes - before
    same = all(
        torch.equal(chassis.parameter(name, key).cpu(), clean)
        for name, part in weights.components.items()
        for key, clean in part.items()
    )
    return same, grown
