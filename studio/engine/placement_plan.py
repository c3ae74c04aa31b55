"""Where each network of a checkpoint lives when the device has too little memory for all of them.

The ladder, from the sizes that the headers tell: everything on the device; the text encoders in host memory, which read
a prompt once a picture; the autoencoder there too. The UNet is asked at every step, so it stays on the device or
nothing runs. It owns the decision and no tensor.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch

from studio.engine.model_files import TEXT_ENCODERS, CheckpointFiles
from studio.engine.placement import Placement
from studio.errors import OutOfMemory

WORKING_BYTES = 500_000_000
"""What a UNet takes beside its weights, at the least: one sample's activations at a megapixel, and torch itself."""

DECODING_BYTES = 1_500_000_000
"""What an autoencoder takes beside weights, at the least: a tile of 768 x 768 pixels, whose widest layers hold 512
channels in half precision.
"""

_MEGABYTE = 1_000_000
HOST = Placement(torch.device("cpu"), torch.float32)


def planned(
    files: CheckpointFiles, placement: Placement, device_bytes: int, most_bytes: int | None = None
) -> dict[str, Placement]:
    """Where each component goes, of a device with ``device_bytes`` to give in all. ``most_bytes`` is what somebody
    allowed weights to take there; only a UNet that is larger by itself goes beyond.

    Raises:
        OutOfMemory: not even the UNet fits; says how many megabytes are needed and there.
    """
    if placement.on_cpu:
        return dict.fromkeys(files.components, placement)
    sizes = sizes_on(files, placement)
    most_bytes = device_bytes if most_bytes is None else most_bytes
    for host_parts in ((), TEXT_ENCODERS):
        needed_bytes = sum(size for name, size in sizes.items() if name not in host_parts)
        if needed_bytes <= min(device_bytes - DECODING_BYTES, most_bytes):
            return _apart(files, placement, host_parts)
    if sizes["unet"] <= device_bytes - WORKING_BYTES:
        return _apart(files, placement, (*TEXT_ENCODERS, "vae"))
    raise OutOfMemory(
        f"{files.path.name} needs {(sizes['unet'] + WORKING_BYTES) / _MEGABYTE:,.0f} MB of the device's memory, "
        f"{device_bytes / _MEGABYTE:,.0f} MB are there. Choose a smaller checkpoint, or close other programs that use "
        "the device."
    )


def _apart(files: CheckpointFiles, placement: Placement, host_parts: Collection[str]) -> dict[str, Placement]:
    return {name: HOST if name in host_parts else placement for name in files.components}


def sizes_on(files: CheckpointFiles, placement: Placement) -> Mapping[str, int]:
    """Bytes of each component's weights on a device."""
    return {name: part.parameter_count * placement.dtype.itemsize for name, part in files.components.items()}
