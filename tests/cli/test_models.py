"""``studio models``: listed by kind, verified, converted and fetched, with one sentence where that fails."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from studio.cli.app import app
from studio.errors import StudioError
from tests.library import header_files as files
from tests.library.header_files import write_header_file
from tests.library.pickles import small_state


def studio(*words: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["models", *words], input=answer)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    models = tmp_path / "home" / "models"
    write_header_file(models / "ink.safetensors", files.LORA_SD1)
    write_header_file(models / "flux.safetensors", files.FLUX_DEV)
    return tmp_path / "home"


def test_kinds_are_listed_with_what_is_wrong(home: Path) -> None:
    checkpoints = studio("list", "--home", str(home)).output
    assert "flux" in checkpoints and "cannot run yet" in checkpoints and "ink" not in checkpoints
    assert "LoRA" in studio("list", "--home", str(home), "--kind", "lora", "--search", "ink").output
    listed = json.loads(studio("list", "--home", str(home), "--kind", "all", "--family", "flux", "--json").output)
    assert [card["name"] for card in listed] == ["flux"]
    assert "no kind of model" in str(studio("list", "--home", str(home), "--kind", "hammer").exception)
    told = json.loads(studio("info", "ink", "--home", str(home)).output)
    assert (told["kind"], len(told["sha256"]), len(told["adapter_hash"])) == ("lora", 64, 12)
    assert json.loads(studio("info", "flux", "--home", str(home)).output)["problem"]


def test_bytes_that_changed_by_themselves_are_found(home: Path) -> None:
    assert studio("verify", "ink", "--home", str(home)).output == "ink: sound\n"
    file = home / "models" / "ink.safetensors"
    times = file.stat()
    with file.open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        stream.write(b"\x01")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    answer = studio("verify", "ink", "--home", str(home))
    assert answer.exit_code == 1 and "Its bytes changed although size and time did not" in answer.output
    os.truncate(home / "models" / "flux.safetensors", 500)
    assert "flux: The file is cut short" in studio("verify", "flux", "--home", str(home)).output


def test_converting_asks_first(home: Path, tmp_path: Path) -> None:
    torch.save(small_state(), tmp_path / "old.pt")
    refused = studio("convert", str(tmp_path / "old.pt"), "--home", str(home), answer="n\n")
    assert refused.exit_code == 1 and not (tmp_path / "old.safetensors").exists()
    assert studio("convert", str(tmp_path / "old.pt"), "--home", str(home), answer="y\n").exit_code == 0
    assert (tmp_path / "old.safetensors").is_file()


def test_pull_lists_some_to_begin_with_and_says_when_it_is_offline(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = studio("pull").output
    assert "sdxl" in listed and "CreativeML Open RAIL-M" in listed and "GB GPU" in listed
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    failed = studio("pull", "sd15", "--home", str(home), "--yes")
    assert isinstance(failed.exception, StudioError) and "HF_HUB_OFFLINE is set" in str(failed.exception)
