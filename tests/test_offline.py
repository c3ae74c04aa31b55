"""With the network off, everything works: pictures are made in a namespace that has no network at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNSHARE = ["unshare", "--map-root-user", "--net"]


def can_unshare() -> bool:
    return bool(shutil.which("unshare")) and subprocess.run([*UNSHARE, "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not can_unshare(), reason="this machine cannot make a namespace without a network")
def test_a_picture_is_made_without_a_network(tmp_path: Path, toy_models: Path) -> None:
    words = ("generate", "a cat", "--steps", "2", "--model", "toy-a")
    places = ("--home", str(tmp_path / "home"), "--models", str(toy_models), "--out", str(tmp_path / "out"))
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "STUDIO_"))}
    command = [*UNSHARE, sys.executable, "-m", "studio", *words, *places]
    answer = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=180)
    assert answer.returncode == 0, answer.stderr
    assert len(list((tmp_path / "out").glob("*.png"))) == 1
