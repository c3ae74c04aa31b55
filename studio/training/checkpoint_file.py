"""Stage files: written whole or not at all, read back or refused.

Owns the atomic write (temporary file, fsync, rename) and the errors of a full disk and of a damaged file. Optimiser
state goes the same way: as named tensors and a JSON text, so nothing here ever unpickles.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from studio.training.errors import DiskFull, StageDamaged, TrainingError

META_KEY = "state"


def write_bytes(path: Path, data: bytes) -> None:
    """Replace `path` by `data` so that a reader sees the old file or the new one. Raises DiskFull, TrainingError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(path) from error
        raise TrainingError(f"{path} cannot be written: {error.strerror}.") from error


def write_tensors(path: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any] | None = None) -> None:
    """Save tensors and a JSON state as one safetensors file."""
    cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_bytes(path, save(cpu, metadata={META_KEY: json.dumps(dict(state or {}))}))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a stage file. Raises StageDamaged."""
    return read_stage(path)[0]


def read_stage(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the state of a stage file. Raises StageDamaged."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            state: dict[str, Any] = json.loads((file.metadata() or {}).get(META_KEY, "{}"))
    except (OSError, SafetensorError, ValueError) as error:
        raise StageDamaged(path, str(error)) from error
    return tensors, state
