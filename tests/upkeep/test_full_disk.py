"""A disk that is really full, under every writer: the error says so, nothing is half there, and room mends it all."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from studio.errors import StorageError, StorageFull
from studio.library.own_cards import OwnCards
from studio.paths import Paths
from studio.set_aside import found_in
from studio.sources import Sources
from studio.store.blobs import Blobs
from studio.upkeep.backup import back_up, backups_in
from studio.upkeep.logs import LogFile
from tests.upkeep.conftest import StudioAt, add_picture


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here: that needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        for size in (65536, 4096):
            with contextlib.suppress(OSError):
                while file.write(b"\1" * size) == size:
                    pass
    return ballast


def picture(colour: str) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((96, 96), 50).convert("RGB").save(file, "PNG")
    return file.getvalue() + colour.encode()


def test_uploads_and_cards_are_whole_or_not_there(small_disk: Path) -> None:
    sources, cards = Sources(Blobs(small_disk / "blobs")), OwnCards(small_disk / "cards")
    cards.write("toy", "", {"notes": "good at hands"})
    before = (small_disk / "cards" / "toy.toml").read_bytes()
    ballast = fill(small_disk)
    with pytest.raises(StorageFull, match="is full"):
        sources.put_picture(picture("red"))
    with pytest.raises(StorageError, match="cannot be written"):
        cards.write("toy", "", {"notes": "x" * 9000})
    assert (small_disk / "cards" / "toy.toml").read_bytes() == before
    assert not [path for path in (small_disk / "blobs").rglob("*") if path.is_file()]
    ballast.unlink()
    assert sources.get(sources.put_picture(picture("red")).sha256).width_px == 96
    assert cards.write("toy", "", {"notes": "x" * 9000}).notes == "x" * 9000


def test_a_backup_that_does_not_fit_leaves_nothing_and_the_one_before_stays(
    home: Path, small_disk: Path, studio_at: StudioAt
) -> None:
    first = back_up(Paths.at(home), small_disk / "backups").place
    with studio_at(home) as studio:
        for index in range(100, 110):
            add_picture(studio, index)
    ballast = fill(small_disk)
    with pytest.raises(StorageFull, match="is full"):
        back_up(Paths.at(home), small_disk / "backups")
    with pytest.raises(StorageFull):
        back_up(Paths.at(home), small_disk / "one.zip")
    assert list((small_disk / "backups").iterdir()) == [first]
    assert sorted(path.name for path in small_disk.iterdir()) == ["backups", "ballast"]
    ballast.unlink()
    second = back_up(Paths.at(home), small_disk / "backups").place
    assert backups_in(small_disk / "backups") == [first, second]


def test_a_home_on_a_full_disk_says_so_and_starts_with_very_little_room(
    home: Path, small_disk: Path, studio_at: StudioAt
) -> None:
    on_disk = Path(shutil.copytree(home, small_disk / "home"))
    ballast = fill(small_disk)
    with pytest.raises(StorageFull, match="is full"), studio_at(on_disk):
        pass
    os.truncate(ballast, ballast.stat().st_size - 300_000)
    with studio_at(on_disk) as studio:
        assert studio.gallery.list("local").total > 0
        told = [notice.text for notice in studio.notices.now(for_admin=True)]
        assert any("no new pictures are begun" in text for text in told)
        with pytest.raises(StorageFull):
            for index in range(60, 1000):
                add_picture(studio, index)
    ballast.unlink()
    assert found_in([on_disk]) == []  # nothing was taken for damaged


def test_lines_of_the_log_are_lost_and_come_back(small_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("tests.upkeep.full")
    logger.propagate = False
    handler = LogFile(small_disk / "logs" / "studio.log", 1_000_000, 3)
    logger.addHandler(handler)
    try:
        logger.warning("before")
        ballast = fill(small_disk)
        for _ in range(100):
            logger.warning("lost %s", "x" * 500)
        ballast.unlink()
        logger.warning("after")
    finally:
        logger.removeHandler(handler)
        handler.close()
    assert capsys.readouterr().err == ""
    text = (small_disk / "logs" / "studio.log").read_text()
    assert "before" in text and text.rstrip().endswith("after")
