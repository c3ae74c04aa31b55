"""Blobs are stored once and named by content."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from studio.errors import NotFound
from studio.store import Blobs


def is_old(file: Path) -> bool:
    return time.time() - file.stat().st_mtime > 3600


def test_the_same_bytes_are_stored_once_under_their_hash(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    digest = blobs.put(b"a mask")
    assert digest == hashlib.sha256(b"a mask").hexdigest() == blobs.put(b"a mask")
    assert blobs.get(digest) == b"a mask"
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize("digest", ["", "0" * 64, "../../etc/passwd", "A" * 64])
def test_what_is_not_there_is_not_found(tmp_path: Path, digest: str) -> None:
    with pytest.raises(NotFound):
        Blobs(tmp_path).get(digest)


def test_what_somebody_needs_while_it_is_discarded_stays_whole(tmp_path: Path) -> None:
    blobs, kept = Blobs(tmp_path), b"a mask"
    digest = blobs.put(kept)

    def long_ago() -> None:
        os.utime(blobs.path(digest), (0, 0))

    long_ago()
    assert blobs.discard(digest, is_old) and not blobs.has(digest)
    for needs in (lambda: blobs.put(kept), lambda: blobs.path(digest)):
        blobs.put(kept)
        long_ago()
        needs()  # after it was found to be old, and before it lost its name
        assert not blobs.discard(digest, is_old)
        assert blobs.get(digest) == kept
    long_ago()

    def put_after_it_lost_its_name(file: Path) -> bool:
        return blobs.put(kept) == digest and is_old(file)

    assert not blobs.discard(digest, put_after_it_lost_its_name)
    assert blobs.get(digest) == kept
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [blobs.path(digest)]
