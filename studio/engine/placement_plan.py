"""Where each network of a checkpoint lives when the device has too little memory for all of them.

The ladder, from the sizes that the headers tell: everything on the device; the text encoders in host memory, which read
a prompt once a picture; the autoencoder there too. The UNet is asked at every step, so it stays on the device or
nothing runs. It owns the decision and no tensor.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from studio.engine.model_files import TEXT_ENCODERS, CheckpointFiles
from studio.engine.placement import Placement
from studio.errors import OutOfMemory

WORKING_BYTES = 900_000_000
"""What a picture on its way takes beside the weights, at the least: activations of one sample, and torch itself."""

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
    room_bytes = device_bytes - WORKING_BYTES
    if most_bytes is not None and sizes["unet"] <= room_bytes:
        room_bytes = max(min(room_bytes, most_bytes), sizes["unet"])
    for host_parts in ((), TEXT_ENCODERS, (*TEXT_ENCODERS, "vae")):
        needed_bytes = sum(size for name, size in sizes.items() if name not in host_parts)
        if needed_bytes <= room_bytes:
            return {name: HOST if name in host_parts else placement for name in files.components}
    raise OutOfMemory(
        f"{files.path.name} needs {(sizes['unet'] + WORKING_BYTES) / _MEGABYTE:,.0f} MB of the device's memory, "
        f"{device_bytes / _MEGABYTE:,.0f} MB are there. Choose a smaller checkpoint, or close other programs that use "
        "the device."
    )


def sizes_on(files: CheckpointFiles, placement: Placement) -> Mapping[str, int]:
    """Bytes of each component's weights on a device."""
    return {name: part.parameter_count * placement.dtype.itemsize for name, part in files.components.items()}
