"""What a person sees when something is missing or broken: one sentence, exit code 1, and nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from studio.training.__main__ import main
from studio.training.artwork import load_artwork
from studio.training.checkpoint_file import write_tensors
from studio.training.errors import ArtworkMissing, StageDamaged, TrainingError
from studio.training.looks import LOOKS, ink, night
from studio.training.recipe import find_look


def test_a_missing_artwork_folder_says_what_to_install(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--out", str(tmp_path), "--artwork", str(tmp_path / "nowhere")]) == 1
    said = capsys.readouterr().err
    assert "There is no artwork folder" in said and "fonts-noto-color-emoji" in said and "npm pack" in said


def test_an_artwork_folder_without_the_font_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtworkMissing, match=r"NotoColorEmoji\.ttf is not in"):
        load_artwork(tmp_path / "out", tmp_path)


def test_artwork_that_cannot_be_fetched_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.training.artwork.INSTALLED_FONT", tmp_path / "none.ttf")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ArtworkMissing, match="apt-get download"):
        load_artwork(tmp_path / "out", None)


def test_damaged_artwork_is_refused_and_kept_artwork_is_read(tmp_path: Path) -> None:
    write_tensors(tmp_path / "artwork.safetensors", {"art": torch.full((1, 2, 4, 2, 2), 51, dtype=torch.uint8)})
    assert float(load_artwork(tmp_path, None).max()) == pytest.approx(0.2)
    (tmp_path / "artwork.safetensors").write_bytes(b"x")
    with pytest.raises(StageDamaged, match="Delete it"):
        load_artwork(tmp_path, None)


def test_evaluating_nothing_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tensors(tmp_path / "artwork.safetensors", {"art": torch.zeros(1, 2, 4, 2, 2, dtype=torch.uint8)})
    assert main(["evaluate", str(tmp_path / "nowhere")]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_an_unknown_look_lists_the_known() -> None:
    with pytest.raises(TrainingError, match="night or ink"):
        find_look("oil")


@pytest.mark.parametrize("name", list(LOOKS))
def test_looks_stay_in_range_and_change_the_picture(name: str) -> None:
    pictures = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    changed = LOOKS[name](pictures)
    assert changed.shape == pictures.shape
    assert float(changed.min()) >= 0 and float(changed.max()) <= 1
    assert float((changed - pictures).abs().mean()) > 0.05


def test_ink_has_no_colour_and_night_is_dark_blue_at_its_darkest() -> None:
    washed = ink(torch.rand(1, 3, 4, 4))
    assert torch.equal(washed[:, 0], washed[:, 2])
    assert float(ink(torch.ones(1, 3, 1, 1)).mean()) == pytest.approx(1.0)
    black = night(torch.zeros(1, 3, 1, 1)).flatten().tolist()
    assert black == pytest.approx([0.015, 0.0225, 0.09])
