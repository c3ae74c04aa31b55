"""Reads tensors from safetensors into memory that is there, in the dtype and memory order that a network has.

One thread fetches the next piece of the file while this one turns the piece before into numbers, so a disk and the
processor work at once, and the pieces are small enough to stay in the processor's cache on the way. It owns how a file
becomes tensors; which are wanted is told by their names.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from studio.engine.host_memory import HostMemory
from studio.errors import DamagedModel
from studio.library.header import Header, TensorInfo, read_header

PIECE_BYTES = 16_000_000
TOLD_BYTES = 64_000_000
"""After that many bytes the work is laid down: some thirty milliseconds, so a round of pictures never waits long."""

_ALIGNED_TO = 64

DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "BOOL": torch.bool, "U8": torch.uint8,
    "I8": torch.int8, "I16": torch.int16, "I32": torch.int32, "I64": torch.int64,
}  # fmt: skip


@dataclass(frozen=True)
class _Rows:
    """Some rows of a tensor's first axis, at ``offset`` of a piece."""

    name: str
    first: int
    count: int
    offset: int


@dataclass(frozen=True)
class _Piece:
    """Bytes ``start`` to ``end`` of the file, and the rows in them."""

    start: int
    end: int
    rows: tuple[_Rows, ...]


def read_tensors(
    path: Path, wanted: Callable[[str], bool], dtype: torch.dtype, memory: HostMemory
) -> Generator[int, None, dict[str, Tensor]]:
    """The tensors whose names are ``wanted``, numbers with a point as ``dtype``; yields how many numbers are read.

    Convolutions come out channels-last, everything else contiguous.

    Raises:
        DamagedModel: the file is gone, cut short, or holds numbers of an unknown type.
        OSError: it cannot be read.
    """
    header = read_header(path)
    if header.problem:
        raise DamagedModel(header.problem)
    chosen = {name: info for name, info in header.tensors.items() if wanted(name)}
    for name, info in chosen.items():
        if info.dtype not in DTYPES:
            raise DamagedModel(f"{name} holds numbers of a type that cannot be loaded ({info.dtype})")
    tensors = _laid_out(chosen, dtype, memory)
    count = untold_bytes = 0
    for piece, content in _fetched(path, _pieces(header, chosen)):
        for rows in piece.rows:
            count += _take(rows, chosen[rows.name], content, tensors[rows.name])
        untold_bytes += piece.end - piece.start
        if untold_bytes >= TOLD_BYTES:
            untold_bytes = 0
            yield count
    yield count
    return tensors


def _laid_out(chosen: Mapping[str, TensorInfo], dtype: torch.dtype, memory: HostMemory) -> dict[str, Tensor]:
    """Empty tensors for all of them, one behind the other in one block."""
    places: dict[str, tuple[int, torch.dtype]] = {}
    reached = 0
    for name, info in chosen.items():
        own = DTYPES[info.dtype]
        kind = dtype if own.is_floating_point else own
        places[name] = reached, kind
        reached += -(-prod(info.shape) * kind.itemsize // _ALIGNED_TO) * _ALIGNED_TO
    block = memory.take(reached)
    tensors = {}
    for name, (start, kind) in places.items():
        shape = chosen[name].shape
        flat = block[start : start + prod(shape) * kind.itemsize].view(kind)
        if len(shape) == 4:  # as a convolution wants it: channels last
            out, into, height, width = shape
            tensors[name] = flat.view(out, height, width, into).permute(0, 3, 1, 2)
        else:
            tensors[name] = flat.view(shape)
    return tensors


def _pieces(header: Header, chosen: Mapping[str, TensorInfo]) -> Iterator[_Piece]:
    """The file from its beginning to its end, without what nobody wants; large tensors are cut between rows."""
    rows: list[_Rows] = []
    start = end = 0
    for name, info in sorted(chosen.items(), key=lambda entry: entry[1].start):
        if not info.size_bytes:
            continue
        count = info.shape[0] if info.shape else 1
        row_bytes = info.size_bytes // count
        most = max(PIECE_BYTES // row_bytes, 1)
        for first in range(0, count, most):
            taken = min(most, count - first)
            at = header.data_start + info.start + first * row_bytes
            size_bytes = taken * row_bytes
            # A piece has no holes, and its numbers lie where a processor likes them.
            if rows and (at != end or (at - start) % 8 or at + size_bytes - start > PIECE_BYTES):
                yield _Piece(start, end, tuple(rows))
                rows = []
            start = start if rows else at
            rows.append(_Rows(name, first, taken, at - start))
            end = at + size_bytes
    if rows:
        yield _Piece(start, end, tuple(rows))


def _fetched(path: Path, pieces: Iterator[_Piece]) -> Iterator[tuple[_Piece, memoryview]]:
    """Each piece with its bytes, which are good until the next one is asked for; that one is fetched meanwhile."""
    with path.open("rb", buffering=0) as stream, ThreadPoolExecutor(1, "read weights") as reader:
        buffers = [bytearray(), bytearray()]
        ahead: tuple[_Piece, Future[memoryview]] | None = None
        for piece in pieces:
            buffers.reverse()
            if len(buffers[0]) < piece.end - piece.start:
                buffers[0] = bytearray(piece.end - piece.start)
            before, ahead = ahead, (piece, reader.submit(_read, stream, piece, memoryview(buffers[0])))
            if before is not None:
                yield before[0], before[1].result()
        if ahead is not None:
            yield ahead[0], ahead[1].result()


def _read(stream: BinaryIO, piece: _Piece, buffer: memoryview) -> memoryview:
    content = buffer[: piece.end - piece.start]
    stream.seek(piece.start)
    reached = 0
    while reached < len(content):
        got = stream.readinto(content[reached:])  # type: ignore[attr-defined]
        if not got:
            raise DamagedModel("it ended while it was read, so it changed meanwhile")
        reached += got
    return content


def _take(rows: _Rows, info: TensorInfo, content: memoryview, tensor: Tensor) -> int:
    """Turn bytes of a piece into numbers of a tensor; how many."""
    shape = (rows.count, *info.shape[1:]) if info.shape else ()
    count = prod(shape)
    read = torch.frombuffer(content, dtype=DTYPES[info.dtype], count=count, offset=rows.offset).view(shape)
    place = tensor[rows.first : rows.first + rows.count] if info.shape else tensor
    place.copy_(read)
    return count
