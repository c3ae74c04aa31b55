"""Reads the header of a safetensors file, and nothing else of it: names, shapes and places of the tensors.

Layout (safetensors/src/tensor.rs): 8 bytes little-endian length N, N bytes of JSON, then the tensors' bytes, one after
the other without holes. Every number is checked before it is used, so a hostile header costs no memory and no trust.
It loads no tensor. What is wrong is told in `Header.problem`, because a scan must go on; nothing is raised.
"""

from __future__ import annotations

import json
import math
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from studio.errors import DamagedModel

MOST_HEADER_BYTES = 100_000_000
"""safetensors' own limit (MAX_HEADER_SIZE in safetensors/src/tensor.rs); real headers stay below one megabyte."""

_LENGTH_BYTES = 8
_MOST_AXES = 32
_AGAIN = "Download it again."

# safetensors/src/tensor.rs, Dtype::bitsize
DTYPE_BITS: Mapping[str, int] = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E5M2FNUZ": 8, "F8_E4M3FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "I64": 64, "U64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip


@dataclass(frozen=True)
class TensorInfo:
    """One tensor: its type as safetensors spells it, its shape, how many bytes it takes, and where in the file they
    start, counted from the end of the header.
    """

    dtype: str
    shape: tuple[int, ...]
    size_bytes: int
    start: int = 0


@dataclass(frozen=True)
class Header:
    """What a safetensors file says it holds. ``tensors`` may be told even when the bytes behind them are cut short.

    ``data_start`` is where the tensors' bytes begin.
    """

    tensors: Mapping[str, TensorInfo] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    size_bytes: int = 0
    problem: str | None = None
    data_start: int = 0

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor, empty where there is none of that name."""
        info = self.tensors.get(name)
        return info.shape if info else ()

    @property
    def precision(self) -> str:
        """The type that most of the bytes have: ``float32``, ``float16``, ``bfloat16``, or safetensors' word for it."""
        sums: dict[str, int] = {}
        for info in self.tensors.values():
            sums[info.dtype] = sums.get(info.dtype, 0) + info.size_bytes
        most = max(sums, key=lambda dtype: sums[dtype], default="")
        return {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F64": "float64"}.get(most, most.lower())


def read_header(file: Path) -> Header:
    """The header of ``file``; a file that is missing, empty, cut short or not safetensors has its `problem` told."""
    size_bytes = 0
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            return Header(problem="This is not a file.")
        size_bytes = status.st_size
        with file.open("rb") as stream:
            text = _header_bytes(stream, size_bytes)
        entries = _parsed(text)
        metadata = _metadata(entries.pop("__metadata__", {}))
        tensors, end = _tensors(entries)
    except FileNotFoundError:
        return Header(problem="The file is no longer there. Put it back, or look for models again.")
    except PermissionError:
        return Header(size_bytes=size_bytes, problem="The studio may not read this file. Change its permissions.")
    except OSError as error:
        return Header(size_bytes=size_bytes, problem=f"The file cannot be read: {error.strerror or error}.")
    except DamagedModel as error:
        return Header(size_bytes=size_bytes, problem=str(error))
    expected = _LENGTH_BYTES + len(text) + end
    problem = None
    if size_bytes < expected:
        problem = f"The file is cut short: {size_bytes:,} of {expected:,} bytes are there. {_AGAIN}"
    elif size_bytes > expected:
        problem = f"The file is {size_bytes - expected:,} bytes longer than its header says. {_AGAIN}"
    return Header(tensors, metadata, size_bytes, problem, _LENGTH_BYTES + len(text))


def _header_bytes(stream: BinaryIO, size_bytes: int) -> bytes:
    if not size_bytes:
        raise DamagedModel(f"The file is empty. {_AGAIN}")
    start = stream.read(_LENGTH_BYTES + 1)
    length = int.from_bytes(start[:_LENGTH_BYTES], "little")
    if not start.endswith(b"{") or len(start) <= _LENGTH_BYTES or not 2 <= length <= MOST_HEADER_BYTES:
        raise DamagedModel("This is not a safetensors file, whatever its name says.")
    if length > size_bytes - _LENGTH_BYTES:
        raise DamagedModel(f"The file is cut short within its header. {_AGAIN}")
    return b"{" + stream.read(length - 1)


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        entries = json.loads(text.decode("utf-8"), object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise DamagedModel(f"The header of the file cannot be understood. {_AGAIN}") from error
    if not isinstance(entries, dict):
        raise DamagedModel(f"The header of the file cannot be understood. {_AGAIN}")
    return entries


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DamagedModel("The header of the file names a tensor twice, so what it holds is uncertain.")
    return found


def _metadata(entries: Any) -> dict[str, str]:
    if not isinstance(entries, dict) or not all(isinstance(value, str) for value in entries.values()):
        raise DamagedModel(f"The header of the file cannot be understood. {_AGAIN}")
    return entries


def _tensors(entries: Mapping[str, Any]) -> tuple[dict[str, TensorInfo], int]:
    """The tensors, and where the last one ends. Raises `DamagedModel` when their places contradict each other."""
    placed: list[tuple[int, int]] = []
    tensors: dict[str, TensorInfo] = {}
    for name, entry in entries.items():
        info, start, end = _tensor(name, entry)
        tensors[name] = info
        placed.append((start, end))
    reached = 0
    for start, end in sorted(placed):
        if start != reached:
            word = "overlap" if start < reached else "leave a hole"
            raise DamagedModel(f"The tensors {word} in the file, so it is not what it claims to be. {_AGAIN}")
        reached = end
    return tensors, reached


def _tensor(name: str, entry: Any) -> tuple[TensorInfo, int, int]:
    try:
        dtype, shape, (start, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        sound = (
            isinstance(dtype, str)
            and len(shape) <= _MOST_AXES
            and all(type(number) is int and 0 <= number < 2**63 for number in (*shape, start, end))
        )
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound or end < start:
        raise DamagedModel(f"The header of the file does not describe {name[:60]!r} properly. {_AGAIN}")
    if dtype not in DTYPE_BITS:
        raise DamagedModel(f"The tensor {name[:60]!r} holds numbers of an unknown type ({dtype[:20]!r}).")
    if math.prod(shape) * DTYPE_BITS[dtype] != (end - start) * 8:
        raise DamagedModel(f"The tensor {name[:60]!r} has another size than its shape says. {_AGAIN}")
    return TensorInfo(dtype, shape, end - start, start), start, end
