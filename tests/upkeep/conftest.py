"""A home that has been used: pictures, one in the bin, an upload, an account, a waiting job, settings, a preset."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from PIL import Image

from studio.recipe import Recipe
from studio.recipe.events import Pixels
from studio.services import Studio, build_studio
from studio.settings import load_settings

PASSWORD = "correct horse battery"
COUNT = 12

StudioAt = Callable[..., AbstractContextManager[Studio]]


@pytest.fixture(scope="session")
def studio_at(toy_models: Path) -> StudioAt:
    """A studio on a home, not started, with more settings."""

    @contextlib.contextmanager
    def built(home: Path, **settings: object) -> Iterator[Studio]:
        given = {"models": [toy_models], "engine": "fake", "password_cost": "cheap", **settings}
        studio = build_studio(load_settings(home=home, **given))
        try:
            yield studio
        finally:
            studio.close()

    return built


def upload(studio: Studio, colour: str, owner: str = "local") -> str:
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(picture, "PNG")
    sha256 = studio.sources.put_picture(picture.getvalue()).sha256
    studio.belongings.add(owner, sha256)
    return sha256


def add_picture(studio: Studio, index: int) -> str:
    recipe = studio.resolve(Recipe(prompt=f"walrus {index}", steps=2, seed=index))
    return studio.gallery.add(Pixels(64, 64, bytes([index % 256]) * 64 * 64 * 3), recipe, {}, "local", "made", index).id


@pytest.fixture(scope="session")
def used_home(tmp_path_factory: pytest.TempPathFactory, studio_at: StudioAt) -> Path:
    home = tmp_path_factory.mktemp("used") / "home"
    (home / "presets").mkdir(parents=True)
    (home / "presets" / "mine.toml").write_text('title = "Mine"\n[recipe]\nsteps = 9\n')
    (home / "settings.toml").write_text("max_count = 33\n")
    with studio_at(home) as studio:
        studio.accounts.add("anna", "admin", PASSWORD)
        ids = [add_picture(studio, index) for index in range(COUNT)]
        studio.gallery.favourite("local", ids[0], True)
        studio.gallery.bin("local", ids[1:2])
        source = upload(studio, "red")
        waiting = Recipe(prompt="waiting", mode="image", source=source, steps=2, seed=5)
        studio.submit(waiting, 3, "local", "waiting")
    return home


@pytest.fixture
def home(used_home: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(used_home, tmp_path / "home"))
