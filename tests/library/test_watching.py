"""Changes are noticed without a restart, and nobody waits for a scan."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from studio.errors import DamagedModel
from studio.library import Library, catalogue, scanner, watching
from studio.library.watching import Stamps, stamps_of
from tests.library import header_files as files
from tests.library.header_files import write_header_file

Put = Callable[[str], Path]


@pytest.fixture
def watched(library: Library) -> Iterator[Library]:
    library.scan()
    library.watch(interval_s=0.02)
    yield library
    library.close()


def names_become(library: Library, *expected: str) -> None:
    deadline = time.monotonic() + 60
    while (names := sorted(card.name for card in library.models())) != sorted(expected):
        assert time.monotonic() < deadline, f"{names} did not become {expected}"
        time.sleep(0.01)


def test_what_comes_moves_changes_and_goes_is_noticed(watched: Library, put: Put, tmp_path: Path) -> None:
    models = tmp_path / "models"
    names_become(watched)
    first = write_header_file(models / "first.safetensors", files.SD1)  # the folder was not there before
    names_become(watched, "first")
    write_header_file(models / "deep" / "er" / "ink.safetensors", files.LORA_SD1)
    names_become(watched, "first", "ink")
    first.rename(models / "deep" / "renamed.safetensors")
    names_become(watched, "ink", "renamed")
    folder = put("toy")
    names_become(watched, "ink", "renamed", "toy")
    (folder / "unet" / "config.json").unlink()
    deadline = time.monotonic() + 60
    while "unet/config.json is missing" not in (problem_of(watched, "toy") or ""):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    shutil.rmtree(models)
    names_become(watched)


def test_a_file_that_is_still_being_copied_mends_itself(watched: Library, tmp_path: Path) -> None:
    whole = write_header_file(tmp_path / "elsewhere" / "a.safetensors", files.LORA_SD1).read_bytes()
    target = tmp_path / "models" / "a.safetensors"
    target.parent.mkdir()
    target.write_bytes(whole[:-1000])
    names_become(watched, "a")
    assert "cut short" in (problem_of(watched, "a") or "")
    with target.open("ab") as stream:
        stream.write(whole[-1000:])
    deadline = time.monotonic() + 60
    while problem_of(watched, "a"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_file_that_becomes_whole_while_it_is_read_is_read_again(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = write_header_file(tmp_path / "models" / "a.safetensors", files.LORA_SD1)
    whole, describe = target.read_bytes(), scanner.single_file_card
    target.write_bytes(whole[:-1000])

    def described_and_copied_on(path: Path, sidecars: tuple[Path, ...]) -> object:
        card = describe(path, sidecars)
        target.write_bytes(whole)
        return card

    with monkeypatch.context() as patched:
        patched.setattr(scanner, "single_file_card", described_and_copied_on)
        library.scan()
    assert "cut short" in (problem_of(library, "a") or "")
    assert stamps_of(library._watched) != library._watched, "the watch would not look again"
    library.scan()
    assert problem_of(library, "a") is None
    assert stamps_of(library._watched) == library._watched, "the watch would look for ever"


def test_without_a_change_nothing_is_scanned(watched: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_header_file(tmp_path / "models" / "a.safetensors", files.SD1)
    names_become(watched, "a")
    looks, scans = threading.Semaphore(0), []

    def looked(places: Mapping[Path, object]) -> Stamps:
        looks.release()
        return stamps_of(places)

    monkeypatch.setattr(watching, "stamps_of", looked)
    while stamps_of(watched._watched) != watched._watched:  # what the last change makes it look at twice
        assert looks.acquire(timeout=60)
    with watched._scanning:
        monkeypatch.setattr(catalogue.naming, "with_unique_names", lambda cards: scans.append(None) or tuple(cards))
    revision = watched.revision
    while looks.acquire(blocking=False):
        pass
    for _ in range(4):
        assert looks.acquire(timeout=60)
    assert scans == [] and watched.revision == revision
    os.utime(tmp_path / "models")
    deadline = time.monotonic() + 60
    while not scans:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_scan_that_hangs_keeps_nobody_waiting(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_header_file(tmp_path / "models" / "a.safetensors", files.VAE_ORIGINAL)
    library.scan()
    reading, go_on = threading.Event(), threading.Event()
    describe = scanner.single_file_card

    def slowly(path: Path, sidecars: tuple[Path, ...]) -> object:
        reading.set()
        assert go_on.wait(60)
        return describe(path, sidecars)

    monkeypatch.setattr(scanner, "single_file_card", slowly)
    os.utime(file, ns=(1, 1))
    scan = threading.Thread(target=library.scan)
    scan.start()
    assert reading.wait(60)
    assert [card.name for card in library.models()] == ["a"]
    assert library.part("vae", "a", hashed=False).path == file
    assert scan.is_alive(), "they were answered when it was through"
    go_on.set()
    scan.join(60)


def test_a_checkpoint_that_went_is_no_longer_auto(put: Put, library: Library) -> None:
    first = put("first")
    put("second")
    library.scan()
    assert library.find("auto").name == "first"
    shutil.rmtree(first)
    assert library.find("auto").name == "second"
    with pytest.raises(DamagedModel, match="first is no longer where it was found"):
        library.find("first")


def problem_of(library: Library, name: str) -> str | None:
    return next((card.problem for card in library.models() if card.name == name), None)
