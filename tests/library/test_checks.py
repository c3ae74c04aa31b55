"""Models that are read again: one at a time, with what is told of each, stopping, going on, and what stays known."""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from studio.errors import NotFound
from studio.library import Library, checking, hashes
from studio.library import checks as checks_module
from studio.library.checks import Checks
from tests.library import header_files as files
from tests.library.header_files import spoil, write_header_file


class Disk:
    """A disk that gives a file only when it is told to, and remembers which were asked for."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.held: set[str] = set()
        self.niceness = 0
        self._changed = threading.Condition()
        self._real = hashes.both_hashes_of

    def hold(self, *names: str) -> None:
        with self._changed:
            self.held = set(names)
            self._changed.notify_all()

    def hashes_of(self, file: Path, on_bytes: Callable[[int], None], **how: bool) -> tuple[str, str]:
        with self._changed:
            self.read.append(file.stem)
        self.niceness = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        on_bytes(file.stat().st_size // 2)
        deadline = time.monotonic() + 30
        while file.stem in self.held:
            assert time.monotonic() < deadline
            with self._changed:
                self._changed.wait(0.01)
            on_bytes(0)
        return self._real(file, on_bytes, **how)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(hashes, "both_hashes_of", disk.hashes_of)
    return disk


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for name in ("a", "b", "c"):
        write_header_file(tmp_path / "models" / f"{name}.safetensors", files.LORA_SD1, metadata={"n": name})
    return tmp_path / "models"


@pytest.fixture
def library(tmp_path: Path, models: Path) -> Iterator[Library]:
    library = Library([models], tmp_path / "cache", hash_ahead=False)
    library.scan()
    yield library
    library.close()


@pytest.fixture
def checks(library: Library) -> Iterator[Checks]:
    checks = Checks(library)
    yield checks
    checks.close()


def id_of(library: Library, name: str) -> str:
    return next(card.id for card in library.models() if card.name == name)


def wait(checks: Checks, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while not until(found := checks.round()):
        assert time.monotonic() < deadline, found
        time.sleep(0.005)
    return found


def test_all_are_read_one_at_a_time_and_what_is_wrong_is_named(
    checks: Checks, library: Library, models: Path, disk: Disk
) -> None:
    library.verify(library.look_up("b"))
    spoil(models / "b.safetensors")
    assert checks.round()["state"] == "idle" and checks.of(id_of(library, "a"))["state"] == "never"
    disk.read.clear()
    disk.hold("a")
    before, mine = library.revision, os.getpriority(os.PRIO_PROCESS, 0)
    checks.begin_all()
    found = wait(checks, lambda one: one["current"] is not None and one["current"]["done_bytes"] > 0)
    assert (found["state"], found["models"], found["checked"], disk.read) == ("running", 3, 0, ["a"])
    assert 0 < found["done_bytes"] < found["size_bytes"] and found["current"]["name"] == "a"
    assert checks.of(id_of(library, "c"))["state"] == "waiting"
    checks.begin_all()  # once more is harmless
    disk.hold()
    found = wait(checks, lambda one: one["state"] == "done")
    assert disk.read == ["a", "c", "b"], "what was checked before comes last"
    assert (found["models"], found["checked"], found["done_bytes"]) == (3, 3, found["size_bytes"])
    (problem,) = found["problems"]
    assert problem["name"] == "b" and "Its bytes changed although size and time did not" in problem["problem"]
    assert library.revision > before
    if sys.platform == "linux":
        assert disk.niceness >= 10 and os.getpriority(os.PRIO_PROCESS, 0) == mine, (
            "the reading steps back, and it alone"
        )
    told = checks.of(id_of(library, "c"))
    assert (told["state"], told["sound"], told["problem"]) == ("done", True, None) and told["at"]
    assert checks.of(id_of(library, "b"))["sound"] is False
    checks.stop_all()
    assert checks.round()["state"] == "idle"
    assert checks.of(id_of(library, "b"))["sound"] is False, "what was found stays known"


def test_it_is_stopped_and_gone_on_with(checks: Checks, library: Library, disk: Disk) -> None:
    disk.hold("b")
    checks.begin_all()
    wait(checks, lambda one: one["checked"] == 1 and one["current"] is not None and one["current"]["done_bytes"] > 0)
    checks.stop_all()
    found = checks.round()
    assert (found["state"], found["checked"], found["stopped"]) == ("stopped", 1, 2)
    assert checks.of(id_of(library, "b"))["state"] == "stopped" and checks.of(id_of(library, "b"))["sound"] is None
    assert found["done_bytes"] > 2 * found["size_bytes"] / 6, "half of one besides"
    checks.go_on()
    found = wait(checks, lambda one: one["current"] is not None and one["current"]["done_bytes"] > 0)
    assert found["bytes_per_s"] > 0 and found["seconds_left"] > 0
    disk.hold()
    found = wait(checks, lambda one: one["state"] == "done")
    assert (found["models"], found["checked"], found["problems"]) == (3, 3, [])
    assert disk.read == ["a", "b", "b", "c"]


def test_one_is_called_off_and_the_others_go_on(checks: Checks, library: Library, disk: Disk) -> None:
    disk.hold("a")
    checks.begin(library.models())
    wait(checks, lambda one: bool(disk.read))
    for name in ("b", "b", "a"):  # twice is harmless
        checks.stop(id_of(library, name))
    found = wait(checks, lambda one: one["state"] == "stopped")
    assert (found["checked"], disk.read) == (1, ["a", "c"]), "what is stopped in the middle holds nobody up"
    checks.begin([library.look_up("b")])
    assert wait(checks, lambda one: one["state"] == "done")["models"] == 1, "a round of its own"


def test_what_was_found_lasts_as_long_as_the_file(library: Library, models: Path, tmp_path: Path) -> None:
    assert library.verify(library.look_up("a")) is None
    again = Library([models], tmp_path / "cache", hash_ahead=False)
    again.scan()
    found = again.look_up("a").checked
    assert found is not None and found.problem is None and again.look_up("b").checked is None
    assert again.verify(again.look_up("b")) is None
    assert library.look_up("b").checked is not None, "another process kept it"
    assert again.look_up("a").as_dict()["checked"] == {"at": found.at, "problem": None}
    os.utime(models / "a.safetensors")
    assert again.look_up("a").checked is None


def test_a_model_that_changes_or_goes_meanwhile(checks: Checks, library: Library, models: Path, disk: Disk) -> None:
    disk.hold("a")
    checks.begin(library.models())
    wait(checks, lambda one: bool(disk.read))
    os.utime(models / "a.safetensors")
    (models / "b.safetensors").unlink()
    disk.hold()
    found = wait(checks, lambda one: one["state"] == "done")
    told = {one["name"]: one["problem"] for one in found["problems"]}
    assert told["a"] == "It changed while it was read. Check it again." and "no longer there" in told["b"]
    assert checks.of(id_of(library, "a"))["sound"] is False and library.look_up("a").checked is None
    os.utime(models / "a.safetensors", (1, 1))
    told = checks.of(id_of(library, "a"))
    assert (told["state"], told["sound"], told["problem"]) == ("never", None, None), "it is another file now"
    library.scan()
    with pytest.raises(NotFound):
        checks.of("0" * 16)


def test_while_pictures_are_made_it_rests_longer_than_it_reads(
    library: Library, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_header_file(models / "d.safetensors", {"filler": (8_000_000,)})
    library.scan()
    rested: list[float] = []
    monkeypatch.setattr(checks_module, "time", SimpleNamespace(monotonic=time.monotonic, sleep=rested.append))
    busy = iter([True] * 8 + [False] * 100)
    checks = Checks(library, lambda: next(busy))
    began_s = time.monotonic()
    checks.begin([library.look_up("d")])
    wait(checks, lambda one: one["state"] == "done")
    assert len(rested) == 8 and 0 < sum(rested) < 3 * (time.monotonic() - began_s) and max(rested) <= 0.5
    checks.close()


def test_closing_waits_for_no_disk(checks: Checks, library: Library, disk: Disk) -> None:
    disk.hold("a")
    checks.begin_all()
    wait(checks, lambda one: bool(disk.read))
    began_s = time.monotonic()
    checks.close()
    assert time.monotonic() - began_s < 3
    assert checks.round()["checked"] == 0


def test_a_folder_without_weights_is_told_of_by_its_card(
    library: Library, put: Callable[[str], Path], tmp_path: Path
) -> None:
    (put("bare") / "unet" / "config.json").unlink()
    library.scan()
    card = library.look_up("bare")
    assert library.verify(card) == card.problem and card.problem
    assert not (tmp_path / "cache" / checking.MEMORY_FILE).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot be asked to let go of a file")
def test_a_file_is_read_from_the_disk_and_not_kept_in_memory(tmp_path: Path) -> None:
    file = tmp_path / "large.safetensors"
    with file.open("wb") as stream:
        stream.write(os.urandom(8 << 20))
        os.fsync(stream.fileno())
    if not _can_let_go(file):
        pytest.skip("this file system keeps files in memory as it likes")
    hashes.both_hashes_of(file)
    assert _held_share(file) > 0.9
    hashes.both_hashes_of(file, from_disk=True)
    assert _held_share(file) < 0.2


def _can_let_go(file: Path) -> bool:
    file.read_bytes()
    was_held = _held_share(file) > 0.9
    with file.open("rb") as stream:
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return was_held and _held_share(file) < 0.2


def _held_share(file: Path) -> float:
    """How much of a file the system holds in memory, as ``mincore`` tells (Linux, man 2 mincore)."""
    size = file.stat().st_size
    pages = -(-size // mmap.PAGESIZE)
    with file.open("r+b") as stream, mmap.mmap(stream.fileno(), size) as mapped:
        place = ctypes.c_char.from_buffer(mapped)
        vector = (ctypes.c_ubyte * pages)()
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.mincore(ctypes.c_void_p(ctypes.addressof(place)), ctypes.c_size_t(size), vector) == 0
        del place
    return sum(one & 1 for one in vector) / pages
