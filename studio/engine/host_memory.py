"""Host memory for weights, in blocks that are used again.

Fresh memory has to be given page by page, which takes longer than reading a file into it; so what the weights of one
checkpoint leave is what those of the next are read into. A block comes back by itself when no tensor looks into it any
more, never before. It owns blocks and their limit, and where there is a GPU their pinning, so that it may fetch from
them directly.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import mmap
import threading
import weakref
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import torch
from torch import Tensor

log = logging.getLogger(__name__)

_MOST_SLACK = 1.25
"""A block is used for less than it holds, but not for much less."""

_PATIENCE_S = 0.02
"""A round of pictures waits no longer than that for memory to be pinned."""


class HostMemory:
    """Blocks of host memory; ``pinned`` ones can be copied to a GPU without a detour. Safe to share between threads."""

    def __init__(self, pinned: bool = False) -> None:
        self._pinned = pinned
        # Of the kind that one thread may take twice: a block may come back while another is being taken.
        self._lock = threading.RLock()
        self._free: list[_Block] = []

    def take(self, size_bytes: int) -> Tensor:
        """A tensor of that many bytes, with anything in them; its memory comes back when its last view is gone."""
        taking = self.taking(size_bytes)
        while True:
            try:
                next(taking)
            except StopIteration as end:
                tensor: Tensor = end.value
                return tensor

    def taking(self, size_bytes: int) -> Generator[None, None, Tensor]:
        """As `take`, but yields every now and then while fresh memory is pinned, which may take seconds."""
        size_bytes = max(size_bytes, 1)
        with self._lock:
            fitting = [one for one in self._free if size_bytes <= one.size_bytes <= size_bytes * _MOST_SLACK]
            block = min(fitting, key=lambda one: one.size_bytes, default=None)
            if block is not None:
                self._free.remove(block)
            else:  # what lies idle makes room for what is wanted, so that both together never grow
                self._let_go(size_bytes)
        if block is None:
            block = _Block(size_bytes)
            self._pinned = self._pinned and (yield from _pinning(block))
        view = block.view()
        weakref.finalize(view, self._back, block).atexit = False
        return torch.frombuffer(view, dtype=torch.uint8, count=size_bytes)

    @property
    def free_bytes(self) -> int:
        """What lies idle."""
        with self._lock:
            return sum(block.size_bytes for block in self._free)

    def keep(self, most_bytes: int) -> None:
        """Give back to the system what lies idle beyond that many bytes, the longest idle first."""
        with self._lock:
            self._let_go(sum(block.size_bytes for block in self._free) - most_bytes)

    def _let_go(self, size_bytes: int) -> None:
        while self._free and size_bytes > 0:
            size_bytes -= self._free.pop(0).size_bytes

    def _back(self, block: _Block) -> None:
        with self._lock:
            self._free.append(block)


class _Block:
    """Memory of its own, straight from the system, and back there when nobody has it any more."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        private: dict[str, Any] = (
            {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
        )
        self._memory = mmap.mmap(-1, size_bytes, **private)
        if hasattr(mmap, "MADV_HUGEPAGE"):  # pages of 2 MB: the system gives one in the time of some small ones
            with contextlib.suppress(OSError):  # a kernel built without them
                self._memory.madvise(mmap.MADV_HUGEPAGE)

    def view(self) -> Any:
        """Something that lives as long as anybody looks into the memory."""
        return (ctypes.c_char * self.size_bytes).from_buffer(self._memory)

    def pin(self) -> bool:
        """Have the device know it; whether that went well."""
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        cudart: Any = torch.cuda.cudart
        runtime = cudart()
        error = int(runtime.cudaHostRegister(address, self.size_bytes, 0))
        if error:  # a limit of the system, say: copies take a detour then, and are right all the same
            log.warning("Host memory cannot be pinned (CUDA error %s), so loading is slower.", error)
            _forget_error()
            return False
        weakref.finalize(self, runtime.cudaHostUnregister, address)
        return True


def _pinning(block: _Block) -> Generator[None, None, bool]:
    """Pin a block in a thread of its own, for the device of this one; answers whether that went well."""
    device = torch.cuda.current_device() if torch.cuda.is_available() else -1

    def pin() -> bool:
        with torch.cuda.device(device):
            return block.pin()

    with ThreadPoolExecutor(1, "pin memory") as pool:
        pinning = pool.submit(pin)
        while not wait([pinning], _PATIENCE_S).done:
            yield
    return pinning.result()


def _forget_error() -> None:
    """CUDA keeps an error until somebody asks for it: let it not be told to whoever comes next."""
    with contextlib.suppress(RuntimeError):
        torch.zeros(1, device="cuda")
