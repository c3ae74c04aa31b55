"""What ships: sizes, attribution, and that the checkpoint draws what it is asked for, the same in every process."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from studio.training.combinations import held_out
from studio.training.drawing import draw, load_pipeline
from studio.training.features import background_of, nearest_colour
from studio.training.model_card import BARS

ASSETS = Path(__file__).resolve().parents[2] / "assets"
STARTER = ASSETS / "models" / "starter"
CHECKPOINTS = sorted(path.parent for path in (ASSETS / "models").glob("*/model_index.json"))

DRAW_AND_HASH = """
import hashlib, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from studio.training.drawing import draw, load_pipeline
picture = draw(load_pipeline(Path(sys.argv[1])), ["3d cat face on a blue background"], [7], steps=3)
print(hashlib.sha256((picture * 255).round().byte().numpy().tobytes()).hexdigest())
"""


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_two_checkpoints_and_a_lora_ship_within_their_sizes() -> None:
    assert STARTER in CHECKPOINTS and len(CHECKPOINTS) >= 2
    assert size_of(ASSETS / "models") + size_of(ASSETS / "loras") < 45_000_000
    assert all(size_of(folder) < 25_000_000 for folder in CHECKPOINTS)
    assert all(path.stat().st_size <= 16 * 1024 * 1024 for path in ASSETS.rglob("*") if path.is_file())
    loras = sorted((ASSETS / "loras").glob("*.safetensors"))
    assert loras and all(path.stat().st_size <= 2_000_000 for path in loras)
    assert all(name.startswith("lora_unet_") for path in loras for name in load_file(path))


@pytest.mark.parametrize("folder", CHECKPOINTS, ids=lambda folder: folder.name)
def test_every_checkpoint_names_whose_artwork_it_learnt(folder: Path) -> None:
    attribution = (folder / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert "Noto Color Emoji" in attribution and "Apache License 2.0" in attribution
    assert "Fluent Emoji" in attribution and "Permission is hereby granted" in attribution
    assert "studio train-starter" in (folder / "README.md").read_text(encoding="utf-8")


def test_the_card_says_what_was_measured() -> None:
    figures = json.loads((STARTER / "figures.json").read_text(encoding="utf-8"))
    card = (STARTER / "README.md").read_text(encoding="utf-8")
    assert figures["pictures"] == len(held_out())
    for key in BARS:
        assert isinstance(figures[key], float)
    assert f"{figures['subject_top1']:.1%}" in card and f"{figures['reconstruction_psnr_db']:.2f} dB" in card


def test_backgrounds_are_what_was_asked_for() -> None:
    wanted = held_out()[:6]
    pictures = draw(load_pipeline(STARTER), [item.caption for item in wanted], list(range(6)), steps=8)
    right = sum(
        colour == item.colour
        for colour, item in zip(nearest_colour(background_of(pictures)).tolist(), wanted, strict=True)
    )
    assert right >= 5


def test_two_processes_draw_the_same_bytes() -> None:
    hashes = {
        subprocess.run(
            [sys.executable, "-c", DRAW_AND_HASH, str(STARTER)],
            capture_output=True,
            text=True,
            check=True,
            timeout=200,
            cwd=ASSETS.parent,
        ).stdout.split()[-1]
        for _ in range(2)
    }
    assert len(hashes) == 1
    assert len(hashes.pop()) == len(hashlib.sha256().hexdigest())
