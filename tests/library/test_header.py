"""Headers are read as safetensors itself reads them, and hostile ones cost nothing."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open

from studio.library.header import MOST_HEADER_BYTES, read_header
from tests.library.header_files import SD1, write_header_file, write_raw


def accepted_by_safetensors(file: Path) -> bool:
    """The independent judge: the library of the format's authors."""
    try:
        with safe_open(file, framework="np") as opened:
            opened.keys()
    except (SafetensorError, OSError):
        return False
    return True


def test_names_shapes_and_precision_are_those_written(tmp_path: Path) -> None:
    file = write_header_file(tmp_path / "a.safetensors", SD1, metadata={"modelspec.title": "x"})
    header = read_header(file)
    assert header.problem is None
    assert accepted_by_safetensors(file)
    assert {name: info.shape for name, info in header.tensors.items()} == dict(SD1)
    assert header.precision == "float16"
    assert header.metadata == {"modelspec.title": "x"}
    assert header.size_bytes == file.stat().st_size


@pytest.mark.parametrize(
    ("entries", "data_bytes", "words"),
    [
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, 4, "cut short: "),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, 9, "longer than its header says"),
        ({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}, 8, "another size than its shape"),
        (
            {
                "a": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]},
                "b": {"dtype": "U8", "shape": [8], "data_offsets": [4, 12]},
            },
            12,
            "overlap",
        ),
        (
            {
                "a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
                "b": {"dtype": "U8", "shape": [4], "data_offsets": [8, 12]},
            },
            12,
            "leave a hole",
        ),
        ({"a": {"dtype": "U8", "shape": [-4], "data_offsets": [0, 4]}}, 4, "does not describe"),
        ({"a": {"dtype": "U8", "shape": [4], "data_offsets": [4, 0]}}, 4, "does not describe"),
        ({"a": {"dtype": "U8", "shape": [4]}}, 4, "does not describe"),
        ({"a": [1, 2]}, 4, "does not describe"),
        ({"a": {"dtype": "U8", "shape": [2.0], "data_offsets": [0, 2]}}, 2, "does not describe"),
        ({"a": {"dtype": "U8", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}, 4, "another size"),
    ],
)
def test_contradictions_are_named(tmp_path: Path, entries: object, data_bytes: int, words: str) -> None:
    file = write_raw(tmp_path / "a.safetensors", json.dumps(entries).encode(), data_bytes)
    assert not accepted_by_safetensors(file)
    assert words in (read_header(file).problem or "")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\x08\x00", "not a safetensors file"),
        ((10**12).to_bytes(8, "little") + b"{}", "not a safetensors file"),  # a header that claims a terabyte
        ((50_000).to_bytes(8, "little") + b"{}", "cut short within its header"),
        ((4).to_bytes(8, "little") + b"null", "not a safetensors file"),
        ((6).to_bytes(8, "little") + b'{"a": ', "cannot be understood"),
        ((5).to_bytes(8, "little") + b'{"\xff\xfe"', "cannot be understood"),
        (b"PK\x03\x04" + b"\x00" * 100, "not a safetensors file"),  # a renamed pickle
        (b"\x80\x02}q\x00." + b"\x00" * 100, "not a safetensors file"),
    ],
)
def test_what_is_no_safetensors_file_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "a.safetensors"
    file.write_bytes(content)
    assert not accepted_by_safetensors(file)
    assert words in (read_header(file).problem or "")


def test_a_name_given_twice_is_refused(tmp_path: Path) -> None:
    entry = b'"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}'
    file = write_raw(tmp_path / "a.safetensors", b"{" + entry + b", " + entry + b"}", 4)
    assert "twice" in (read_header(file).problem or "")


def test_deep_nesting_and_endless_numbers_are_named(tmp_path: Path) -> None:
    deep = write_raw(tmp_path / "deep.safetensors", b'{"a":' + b"[" * 500_000 + b"}")
    digits = b"9" * 10_000
    number = write_raw(tmp_path / "number.safetensors", b'{"a": {"shape": [' + digits + b"]}}")
    assert read_header(deep).problem
    assert read_header(number).problem


def test_a_great_claim_costs_no_memory(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    with file.open("wb") as stream:
        stream.write((MOST_HEADER_BYTES + 1).to_bytes(8, "little"))
        stream.truncate(10**12)
    tracemalloc.start()
    try:
        assert read_header(file).problem
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_file_cut_short_still_tells_what_it_was(tmp_path: Path) -> None:
    file = write_header_file(tmp_path / "a.safetensors", SD1)
    os.truncate(file, file.stat().st_size - 1)
    header = read_header(file)
    assert "cut short" in (header.problem or "")
    assert len(header.tensors) == len(SD1)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    assert read_header(tmp_path / "pipe.safetensors").problem == "This is not a file."
    assert "no longer there" in (read_header(tmp_path / "gone.safetensors").problem or "")


@settings(max_examples=150, deadline=None)
@given(position=st.integers(0, 400), byte=st.integers(0, 255))
def test_one_changed_byte_is_judged_as_safetensors_judges_it(
    tmp_path_factory: pytest.TempPathFactory, position: int, byte: int
) -> None:
    file = tmp_path_factory.mktemp("flip") / "a.safetensors"
    write_header_file(file, {"one": (2, 3), "two": (4,), "three": ()}, dtype="F32")
    content = bytearray(file.read_bytes())
    content[position % len(content)] = byte
    file.write_bytes(bytes(content))
    assert accepted_by_safetensors(file) == (read_header(file).problem is None)
