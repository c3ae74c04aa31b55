"""Every preset that ships makes a picture, drawn by the starter in a few steps through one engine."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from studio.cli.preset_thumbnails import recipes_of
from studio.engine.build import create_engine
from studio.engine.step_engine import StepEngine
from studio.paths import shipped
from studio.presets.thumbnails import small_picture
from studio.recipe import Recipe, ResolvedRecipe
from studio.recipe.events import PictureDone, PictureFailed, PictureOrder, Pixels
from studio.services import Studio, build_studio
from studio.settings import load_settings
from tests.engine.recipes import finish

STEPS = 2
LIKE_ENOUGH = 6.0
"""Mean of 8-bit levels between two renderings of one thumbnail: another machine's libraries, and WebP."""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    built = build_studio(load_settings(home=tmp_path_factory.mktemp("presets") / "home"))
    yield built
    built.close()


@pytest.fixture(scope="module")
def engine() -> Iterator[StepEngine]:
    before = torch.get_num_threads()
    yield create_engine("cpu", live_pictures=16)
    torch.set_num_threads(before)


def order(studio: Studio, name: str, recipe: ResolvedRecipe) -> PictureOrder:
    files = {adapter.sha256: studio.library.part("lora", adapter.sha256).path for adapter in recipe.adapters}
    return PictureOrder(name, 0, recipe, studio.library.find(recipe.checkpoint_sha256).path, files=files)


def test_each_renders(studio: Studio, engine: StepEngine) -> None:
    presets = studio.presets_of("nobody")
    assert len(presets) >= 30 and not [preset.problem for preset in presets.values() if preset.problem]
    for name, preset in presets.items():
        recipe = preset.apply(Recipe(prompt="", seed=3))
        quick = {"steps": min(recipe.steps or STEPS, STEPS), "width_px": None, "height_px": None}
        resolved = studio.resolve(recipe.with_fields(quick))
        assert resolved.checkpoint.startswith("starter") and (resolved.prompt or "prompt" not in preset.fields)
        engine.submit(order(studio, name, resolved))
    events = finish(engine)
    assert [f"{one.job_id}: {one.reason}" for one in events if isinstance(one, PictureFailed)] == []
    done = {one.job_id: one.pixels for one in events if isinstance(one, PictureDone)}
    assert set(done) == set(presets)
    assert [name for name, pixels in done.items() if _as_array(pixels).std() < 2] == []


@pytest.mark.parametrize("name", ["starter-3d", "sampler-unipc"])
def test_a_thumbnail_is_what_the_starter_draws(studio: Studio, engine: StepEngine, name: str) -> None:
    recipe = recipes_of(studio.presets_of("nobody"))[name]
    engine.submit(order(studio, name, studio.resolve(recipe)))
    [done] = [one for one in finish(engine) if isinstance(one, PictureDone)]
    png = io.BytesIO()
    Image.fromarray(_as_array(done.pixels)).save(png, "PNG")
    with Image.open(io.BytesIO(small_picture(png.getvalue()))) as now, Image.open(file_of(name)) as kept:
        apart = np.abs(np.asarray(now, np.float32) - np.asarray(kept, np.float32)).mean()
    assert apart < LIKE_ENOUGH


def test_all_that_can_be_drawn_are(studio: Studio) -> None:
    drawn = set(recipes_of(studio.presets_of("nobody")))
    assert {file.stem for file in shipped("presets").glob("*.webp")} == drawn


def file_of(name: str) -> Path:
    return shipped("presets") / f"{name}.webp"


def _as_array(pixels: Pixels) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.frombuffer(pixels.data, np.uint8).reshape(pixels.height_px, pixels.width_px, -1)
