"""Files are whole or not there."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from studio.errors import StorageError, StorageFull
from studio.store.files import is_abandoned, is_part, write_atomic


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_writes_into_folders_that_are_not_there_yet(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a" / "b" / "file", b"content")
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"content"
    assert names(tmp_path / "a" / "b") == ["file"]


def test_never_makes_the_root_anew(tmp_path: Path) -> None:
    root = tmp_path / "home"
    with pytest.raises(StorageError, match="No such file"):
        write_atomic(root / "a" / "file", b"content", root=root)
    assert names(tmp_path) == []
    root.mkdir()
    write_atomic(root / "a" / "file", b"content", root=root)
    assert names(root / "a") == ["file"]


def test_replaces_a_file_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old and longer")
    write_atomic(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_synchronises_the_file_before_its_name_and_then_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noting_fsync(descriptor: int) -> None:
        done.append("fsync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "fsync file")
        fsync(descriptor)

    def noting_replace(self: Path, target: Path) -> Path:
        done.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(Path, "replace", noting_replace)
    write_atomic(tmp_path / "file", b"content")
    assert done == ["fsync file", "rename", "fsync folder"]


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull), (errno.EROFS, StorageError)]
)
def test_an_error_keeps_the_old_file_and_leaves_no_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[StorageError]
) -> None:
    (tmp_path / "file").write_bytes(b"old")

    def failing(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(expected) as raised:
        write_atomic(tmp_path / "file", b"new")
    assert type(raised.value) is expected
    assert str(tmp_path) in str(raised.value)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_file_where_a_folder_should_be_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "folder").write_bytes(b"")
    with pytest.raises(StorageError, match="folder"):
        write_atomic(tmp_path / "folder" / "file", b"")


def test_a_half_written_file_is_abandoned_once_its_writer_is_gone(tmp_path: Path) -> None:
    mine = tmp_path / f".picture.png.{os.getpid()}-0011aabb.part"
    mine.write_bytes(b"half")
    assert is_part(mine.name)
    assert not is_abandoned(mine)
    os.utime(mine, (0, 0))  # written before this process began: by another one that had the same number
    assert is_abandoned(mine)
    dead = tmp_path / ".picture.png.999999999-0011aabb.part"
    dead.write_bytes(b"half")
    assert is_abandoned(dead)
    assert not is_part("picture.png")
