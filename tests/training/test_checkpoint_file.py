"""Stage files: whole or not at all, read back or refused in words."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch

from studio.training.checkpoint_file import read_stage, write_bytes, write_tensors
from studio.training.errors import DiskFull, StageDamaged, TrainingError


def test_tensors_and_state_come_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "stage.safetensors"
    write_tensors(path, {"a": torch.arange(6.0).reshape(2, 3)}, {"step": 7})
    tensors, state = read_stage(path)
    assert torch.equal(tensors["a"], torch.arange(6.0).reshape(2, 3))
    assert state == {"step": 7}


def test_full_disk_keeps_the_old_file_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "stage.bin"
    write_bytes(path, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull, match="Free some space"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["stage.bin"]


def test_unwritable_folder_is_an_error_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", refused)
    with pytest.raises(TrainingError, match="cannot be written"):
        write_bytes(tmp_path / "x", b"")


@pytest.mark.parametrize("damage", [b"", b"not a safetensors file at all"])
def test_damaged_file_says_what_to_do(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "stage.safetensors"
    path.write_bytes(damage)
    with pytest.raises(StageDamaged, match="Delete it and run the same command again"):
        read_stage(path)


def test_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "stage.safetensors"
    write_tensors(path, {"a": torch.zeros(1000)})
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(StageDamaged):
        read_stage(path)
