"""Reads tensors from safetensors into memory that is there, in the dtype and memory order that a network has.

Some threads each fetch a piece of the file and turn it into numbers, so a disk and all processors work at once, and
the pieces are small enough to stay in a processor's cache on the way. It owns how a file becomes tensors; which are
wanted is told by their names.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from math import prod
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO

import torch
from torch import Tensor

from studio.engine.host_memory import HostMemory
from studio.errors import DamagedModel
from studio.library.header import Header, TensorInfo, read_header

PIECE_BYTES = 4_000_000
PIECES_AT_ONCE = 16
"""After that many pieces the work is laid down: some twenty milliseconds, so a round of pictures never waits long."""

MOST_READERS = 4
"""More threads than that fetch no faster from a disk, and hardly from memory."""

_ALIGNED_TO = 64

DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "BOOL": torch.bool, "U8": torch.uint8,
    "I8": torch.int8, "I16": torch.int16, "I32": torch.int32, "I64": torch.int64,
}  # fmt: skip


@dataclass(frozen=True)
class _Rows:
    """Some rows of a tensor's first axis, which begin at ``start`` of the file."""

    name: str
    first: int
    count: int
    start: int
    size_bytes: int


_Piece = list[_Rows]
"""What a thread reads before the next one."""


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
    tensors = yield from _laid_out(chosen, dtype, memory)
    pieces = _pieces(header, chosen)
    count = 0
    with _Readers(path) as readers:
        ahead = list(islice(pieces, PIECES_AT_ONCE))
        while ahead:
            batch, ahead = ahead, list(islice(pieces, PIECES_AT_ONCE))
            readers.expect(ahead)
            count += readers.take(batch, chosen, tensors)
            yield count
    return tensors


def _laid_out(
    chosen: Mapping[str, TensorInfo], dtype: torch.dtype, memory: HostMemory
) -> Generator[int, None, dict[str, Tensor]]:
    """Empty tensors for all of them, one behind the other in one block; yields 0 while there is no such block yet."""
    places: dict[str, tuple[int, torch.dtype]] = {}
    reached = 0
    for name, info in chosen.items():
        own = DTYPES[info.dtype]
        kind = dtype if own.is_floating_point else own
        places[name] = reached, kind
        reached += -(-prod(info.shape) * kind.itemsize // _ALIGNED_TO) * _ALIGNED_TO
    block = yield from _taken(memory, reached)
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


def _taken(memory: HostMemory, size_bytes: int) -> Generator[int, None, Tensor]:
    taking = memory.taking(size_bytes)
    while True:
        try:
            next(taking)
        except StopIteration as end:
            block: Tensor = end.value
            return block
        yield 0


def _pieces(header: Header, chosen: Mapping[str, TensorInfo]) -> Iterator[_Piece]:
    """The file from its beginning to its end, without what nobody wants; large tensors are cut between rows."""
    piece: _Piece = []
    piece_bytes = 0
    for name, info in sorted(chosen.items(), key=lambda entry: entry[1].start):
        if not info.size_bytes:
            continue
        count = info.shape[0] if info.shape else 1
        row_bytes = info.size_bytes // count
        most = max(PIECE_BYTES // row_bytes, 1)
        for first in range(0, count, most):
            taken = min(most, count - first)
            size_bytes = taken * row_bytes
            if piece and piece_bytes + size_bytes > PIECE_BYTES:
                yield piece
                piece, piece_bytes = [], 0
            start = header.data_start + info.start + first * row_bytes
            piece.append(_Rows(name, first, taken, start, size_bytes))
            piece_bytes += size_bytes
    if piece:
        yield piece


class _Readers:
    """Threads that read pieces of one file and turn them into numbers, each of them with a buffer of its own.

    A thread computes alone: what it does is a copy, and those that share one wait for each other longer than it takes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = min(_processors(), MOST_READERS)
        self._threads_of_caller = torch.get_num_threads()
        self._idle: SimpleQueue[tuple[BinaryIO, bytearray]] = SimpleQueue()
        self._open = ExitStack()

    def __enter__(self) -> _Readers:
        with ExitStack() as opening:
            self._streams = [opening.enter_context(self._path.open("rb", buffering=0)) for _ in range(self._count)]
            alone = lambda: torch.set_num_threads(1)  # noqa: E731
            self._pool = opening.enter_context(ThreadPoolExecutor(self._count, "read weights", alone))
            self._open = opening.pop_all()
        for stream in self._streams:
            self._idle.put((stream, bytearray()))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def expect(self, pieces: list[_Piece]) -> None:
        """Have the system fetch these from the disk already."""
        if pieces and hasattr(os, "posix_fadvise"):
            start, last = pieces[0][0].start, pieces[-1][-1]
            size_bytes = last.start + last.size_bytes - start
            os.posix_fadvise(self._streams[0].fileno(), start, size_bytes, os.POSIX_FADV_WILLNEED)

    def take(self, pieces: list[_Piece], chosen: Mapping[str, TensorInfo], tensors: Mapping[str, Tensor]) -> int:
        """Read pieces into their tensors; how many numbers."""

        @torch.inference_mode()  # the tensors may be of a caller in that mode, which is each thread's own
        def read(piece: _Piece) -> int:
            stream, buffer = self._idle.get()
            try:
                return sum(_read(stream, rows, chosen[rows.name], tensors[rows.name], buffer) for rows in piece)
            except BaseException:
                buffer = bytearray()  # somebody may look into the other as long as the error is told about
                raise
            finally:
                self._idle.put((stream, buffer))

        try:
            return sum(self._pool.map(read, pieces))
        finally:
            torch.set_num_threads(self._threads_of_caller)  # threads begun later would compute alone, too


def _processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _read(stream: BinaryIO, rows: _Rows, info: TensorInfo, tensor: Tensor, buffer: bytearray) -> int:
    """Read rows of a tensor, straight into place if they lie there as they do in the file; how many numbers."""
    place = tensor[rows.first : rows.first + rows.count] if info.shape else tensor
    kind = DTYPES[info.dtype]
    if place.dtype == kind and place.is_contiguous():
        straight: Any = place.view(-1).view(torch.uint8).numpy()
        _fill(memoryview(straight), stream, rows.start)
        return place.numel()
    if len(buffer) < rows.size_bytes:
        buffer.extend(bytes(rows.size_bytes - len(buffer)))
    _fill(memoryview(buffer)[: rows.size_bytes], stream, rows.start)
    place.copy_(torch.frombuffer(buffer, dtype=kind, count=place.numel()).view(place.shape))
    return place.numel()


def _fill(content: memoryview, stream: BinaryIO, start: int) -> None:
    stream.seek(start)
    reached = 0
    while reached < len(content):
        got = stream.readinto(content[reached:])  # type: ignore[attr-defined]
        if not got:
            raise DamagedModel("it ended while it was read, so it changed meanwhile")
        reached += got
