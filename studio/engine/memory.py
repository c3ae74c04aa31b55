"""Turns the many ways torch says "no memory left" into one error that a person can act on. It frees nothing itself."""

from __future__ import annotations

import re

import torch

from studio.engine.placement import Placement
from studio.errors import OutOfMemory

_MEGABYTE = 1_000_000
_UNITS = {"bytes": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
# Those of the allocators, and of cuBLAS and cuDNN, which take some memory by themselves (CUBLAS_STATUS_ALLOC_FAILED,
# CUDNN_STATUS_ALLOC_FAILED, CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED).
_WORDS = ("can't allocate memory", "out of memory", "ALLOC_FAILED", "ALLOCATION_FAILED")
# torch's own words: c10/cuda/CUDACachingAllocator.cpp and c10/core/impl/alloc_cpu.cpp.
_ASKED = re.compile(r"[Tt]ried to allocate ([\d.]+) (bytes|KiB|MiB|GiB)")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that the device or the host had too little memory."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)


def out_of_memory(error: BaseException, placement: Placement, width_px: int, height_px: int) -> OutOfMemory:
    """The error for a picture of that size that did not fit: the megabytes it asked for, and those that were free."""
    asked = _ASKED.search(str(error))
    free_mb = placement.free_bytes / _MEGABYTE
    needed = f"{float(asked[1]) * _UNITS[asked[2]] / _MEGABYTE:,.0f} MB more were needed" if asked else "it did not fit"
    return OutOfMemory(
        f"Not enough memory for a picture of {width_px}x{height_px}: {needed}, {free_mb:,.0f} MB are free. "
        "Try a smaller size, or close other programs that use the device."
    )
