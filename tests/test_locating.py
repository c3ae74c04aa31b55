"""Where the files of a picture lie when its turn has come, as the worker is told."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from studio.jobs import Supervisor
from studio.library.stamps import stamp
from studio.recipe import Recipe
from studio.recipe.events import PictureOrder
from studio.services import build_studio
from studio.settings import load_settings


def test_the_worker_is_told_the_named_copy_and_what_it_was(
    tmp_path: Path, toy_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the stamp, weights that take the file's place meanwhile would be told as those that were ordered."""
    told: list[PictureOrder] = []
    submit = Supervisor.submit

    def overheard(self: Supervisor, order: PictureOrder) -> bool:
        told.append(order)
        return submit(self, order)

    monkeypatch.setattr(Supervisor, "submit", overheard)
    studio = build_studio(load_settings(home=tmp_path / "home", models=[toy_models], engine="fake"))
    try:
        studio.submit(Recipe(prompt="a cat <lora:starter-ink:0.5>", checkpoint="toy-b", steps=2, seed=1))
        studio.start()
        deadline = time.monotonic() + 60
        while not told and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        studio.close()
    order = told[0]
    assert order.checkpoint_path == toy_models / "toy-b"
    assert order.stamp is not None and order.stamp == stamp(toy_models / "toy-b")
    assert [path.name for path in order.files.values()] == ["starter-ink.safetensors"]
