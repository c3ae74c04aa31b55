"""Reading tensors in pieces into memory that is used again: safetensors' own numbers, however the file is cut."""

from __future__ import annotations

import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from studio.engine import tensor_reading
from studio.engine.host_memory import HostMemory
from studio.engine.tensor_reading import read_tensors
from studio.errors import DamagedModel


def read(
    path: Path, memory: HostMemory, dtype: torch.dtype = torch.float32, wanted: Callable[[str], bool] = lambda key: True
) -> dict[str, Tensor]:
    reading = read_tensors(path, wanted, dtype, memory)
    while True:
        try:
            next(reading)
        except StopIteration as end:
            return dict(end.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    generator = torch.Generator().manual_seed(0)

    def some(*shape: int, dtype: torch.dtype = torch.float16) -> Tensor:
        return torch.randn(shape, generator=generator).to(dtype)

    tensors = {
        "convolution": some(7, 5, 3, 3),
        "linear": some(40, 33),
        "half": some(12, 4, dtype=torch.bfloat16),
        "single": some(9, 2, 1, 1, dtype=torch.float32),
        "eight": some(16, 3).to(torch.float8_e4m3fn),
        "odd": torch.arange(5, dtype=torch.uint8),
        "numbers": torch.arange(6).reshape(2, 3),
        "one": torch.tensor(0.5),
        "none": torch.zeros(0, 4),
    }
    path = tmp_path / "some.safetensors"
    save_file(tensors, path)
    return path


@pytest.mark.parametrize("piece_bytes", [1, 100, 1000, 16_000_000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_the_numbers_are_those_of_the_file_however_it_is_cut(
    file: Path, monkeypatch: pytest.MonkeyPatch, piece_bytes: int, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(tensor_reading, "PIECE_BYTES", piece_bytes)
    found = read(file, HostMemory(), dtype)
    for name, expected in load_file(file).items():
        kind = dtype if expected.is_floating_point() else expected.dtype
        assert found[name].dtype == kind and torch.equal(found[name], expected.to(kind)), name
    assert found["convolution"].is_contiguous(memory_format=torch.channels_last)
    assert all(tensor.data_ptr() % 64 == 0 for tensor in found.values() if tensor.numel())


def test_the_numbers_are_the_same_when_inference_mode_is_on(file: Path) -> None:
    """As the engine reads; the mode is each thread's own, and several read."""
    with torch.inference_mode():
        found = read(file, HostMemory())
    assert torch.equal(found["linear"], load_file(file)["linear"].float())


def test_reading_leaves_the_number_of_threads_to_others(file: Path) -> None:
    """Its own threads compute alone; this one, and those begun later, must not."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        read(file, HostMemory())
        with ThreadPoolExecutor(1) as later:
            assert later.submit(torch.get_num_threads).result() == torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_only_what_is_wanted_is_read(file: Path) -> None:
    assert set(read(file, HostMemory(), wanted=lambda key: key.startswith("o"))) == {"odd", "one"}


def test_a_file_that_shrinks_while_it_is_read_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor_reading, "PIECE_BYTES", 100)
    pieces = tensor_reading._pieces

    def cut(*given: object) -> object:
        yield from pieces(*given)  # type: ignore[arg-type]
        with file.open("r+b") as stream:
            stream.truncate(file.stat().st_size - 200)

    monkeypatch.setattr(tensor_reading, "_pieces", lambda *given: iter(list(cut(*given))))  # type: ignore[call-overload]
    with pytest.raises(DamagedModel, match="changed meanwhile"):
        read(file, HostMemory())


def test_memory_comes_back_when_the_last_view_is_gone_and_never_before(file: Path) -> None:
    memory = HostMemory()
    found = read(file, memory)
    kept, place = found["linear"][3:5].clone(), found["linear"][3:5]
    address = found["convolution"].untyped_storage().data_ptr()
    del found
    gc.collect()
    assert memory.free_bytes == 0, "somebody still looks into it"
    other = read(file, memory)
    assert other["linear"].untyped_storage().data_ptr() != address and torch.equal(place, kept)
    del place
    gc.collect()
    assert memory.free_bytes > 0
    again = read(file, memory)
    assert again["linear"].untyped_storage().data_ptr() == address, "it is used again"
    assert memory.free_bytes == 0
    del again, other
    gc.collect()
    memory.keep(0)
    assert memory.free_bytes == 0


def test_a_block_that_does_not_fit_makes_room_for_one_that_does() -> None:
    memory = HostMemory()
    memory.take(1000)
    gc.collect()
    assert memory.free_bytes == 1000
    held = memory.take(400)
    assert memory.free_bytes == 0 and held.numel() == 400
    del held
    gc.collect()
    assert memory.take(330).numel() == 330 and memory.free_bytes in (0, 400)
