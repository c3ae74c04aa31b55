"""Where training runs and in which precision. Owns that one choice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch

from studio.training.errors import TrainingError


def training_device(name: str) -> torch.device:
    """The device of a name ("auto", "cpu", "cuda:0"). Raises TrainingError where there is none."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise TrainingError(f"There is no GPU for --device {name}. Use --device cpu or auto.")
    return device


def mixed_precision(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 products where the device is fast at them: GPUs, and processors with AVX-512 BF16 (four times
    float32).
    """
    fast = device.type == "cuda" or _processor_multiplies_bfloat16()
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


def _processor_multiplies_bfloat16() -> bool:
    # Older releases of torch cannot say; without the instructions bfloat16 is emulated, slower than float32.
    supported: Callable[[], bool] = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return supported()
