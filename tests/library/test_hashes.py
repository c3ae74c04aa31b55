"""Hashes: right, remembered, and never trusted past a change."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from studio.errors import Cancelled, DamagedModel
from studio.library import hashes
from studio.library.diffusers_folder import folder_card
from studio.library.hashes import MEMORY_FILE, Hashes


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "a.safetensors"
    file.write_bytes(os.urandom(3_000_000))
    return file


def test_a_file_has_its_own_sha256(model: Path, tmp_path: Path) -> None:
    hashes = Hashes(tmp_path / "cache")
    assert hashes.known(model, (model,)) == ""
    expected = hashlib.sha256(model.read_bytes()).hexdigest()
    assert hashes.compute(model, (model,)) == expected == hashes.known(model, (model,))


def test_a_folder_has_the_hash_that_sha256sum_gives(toy: Path, tmp_path: Path) -> None:
    card = folder_card(toy)
    lines = subprocess.run(
        ["sha256sum", *(file.relative_to(toy).as_posix() for file in card.files)],
        cwd=toy,
        capture_output=True,
        check=True,
    ).stdout
    assert Hashes(tmp_path).compute(toy, card.files) == hashlib.sha256(lines).hexdigest()


def test_a_hash_is_remembered_across_starts_without_reading_again(model: Path, tmp_path: Path) -> None:
    digest = Hashes(tmp_path / "cache").compute(model, (model,))
    stamp = model.stat()
    model.write_bytes(b"\0" * stamp.st_size)
    os.utime(model, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # so only reading it again would tell
    assert Hashes(tmp_path / "cache").compute(model, (model,)) == digest


def test_a_change_is_noticed(model: Path, tmp_path: Path) -> None:
    hashes = Hashes(tmp_path / "cache")
    hashes.compute(model, (model,))
    stamp = model.stat()
    model.write_bytes(b"\0" * stamp.st_size)
    os.utime(model, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1))
    assert hashes.known(model, (model,)) == ""
    assert hashes.compute(model, (model,)) == hashlib.sha256(b"\0" * stamp.st_size).hexdigest()


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"a": 1}', '{"a": {"stamp": 1, "sha256": 2}}'])
def test_a_spoiled_memory_is_forgotten(model: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / MEMORY_FILE).write_text(content)
    assert Hashes(tmp_path).compute(model, (model,)) == hashlib.sha256(model.read_bytes()).hexdigest()
    assert Hashes(tmp_path).known(model, (model,))


def test_two_studios_keep_each_others_hashes(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "b.safetensors"
    other.write_bytes(b"b")
    first, second = Hashes(tmp_path / "cache"), Hashes(tmp_path / "cache")
    first.compute(model, (model,))
    second.compute(other, (other,))
    third = Hashes(tmp_path / "cache")
    assert third.known(model, (model,)) and third.known(other, (other,))


def test_a_memory_that_cannot_be_written_costs_nothing_else(model: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert Hashes(tmp_path / "cache").compute(model, (model,))


def test_a_file_that_is_gone_is_an_error_and_a_stop_ends_reading(model: Path, tmp_path: Path) -> None:
    hashes = Hashes(tmp_path / "cache")
    with pytest.raises(DamagedModel, match=r"gone\.safetensors"):
        hashes.compute(tmp_path / "gone.safetensors", (tmp_path / "gone.safetensors",))
    hashes.stop()
    with pytest.raises(Cancelled):
        hashes.compute(model, (model,))


def test_a_small_file_does_not_wait_for_a_large_one_and_nothing_is_read_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large, small = tmp_path / "large", tmp_path / "small"
    large.write_bytes(bytes(10))
    small.write_bytes(b"small")
    begun, go_on = threading.Event(), threading.Event()
    read: list[Path] = []
    real = hashes.both_hashes_of

    def slow(file: Path, on_bytes: Callable[[int], None]) -> tuple[str, str]:
        read.append(file)
        if file == large:
            begun.set()
            assert go_on.wait(30)
        return real(file, on_bytes)

    monkeypatch.setattr(hashes, "both_hashes_of", slow)
    kept = Hashes(tmp_path / "cache")
    with ThreadPoolExecutor(2) as pool:
        ahead = [pool.submit(kept.compute, large, (large,)) for _ in range(2)]
        assert begun.wait(30)
        assert kept.compute(small, (small,)) == hashlib.sha256(b"small").hexdigest()
        go_on.set()
        assert len({one.result() for one in ahead}) == 1
    assert read == [large, small]
    assert Hashes(tmp_path / "cache").known(large, (large,)) and Hashes(tmp_path / "cache").known(small, (small,))
