"""Blobs are stored once and named by content."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from studio.errors import NotFound
from studio.store import Blobs


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
