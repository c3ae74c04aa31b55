"""The fake engine keeps the engine's promises: order of events, cancel within a step, failures on demand, no torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from studio.engine.fake import FakeEngine, create_fake_engine
from studio.recipe.events import (
    CancelOrder,
    MemoryReport,
    ModelLoading,
    PictureCancelled,
    PictureDone,
    PictureFailed,
    PictureOrder,
    PictureStarted,
    PictureStep,
    PreloadOrder,
    TimeSpent,
)
from tests.engine.recipes import finish, order, resolved


def _order(job: str = "job", index: int = 0, **fields: Any) -> PictureOrder:
    recipe = {"prompt": "a fox", "steps": 4, "height_px": 96, **fields}
    return order(Path("/models/toy"), job, index, previews=2, **recipe)


def _engine() -> FakeEngine:
    return create_fake_engine(seconds_per_step=0.0)


def test_events_come_in_order_and_the_picture_has_its_size() -> None:
    engine = _engine()
    engine.submit(_order())
    events = finish(engine)
    kinds = [type(event) for event in events if not isinstance(event, TimeSpent)]
    assert kinds == [ModelLoading] * 5 + [MemoryReport, PictureStarted] + [PictureStep] * 4 + [PictureDone]
    assert [event.step for event in events if isinstance(event, PictureStep)] == [1, 2, 3, 4]
    previews = [event.preview for event in events if isinstance(event, PictureStep)]
    assert [preview is not None for preview in previews] == [False, True, False, False]
    done = events[-1]
    assert isinstance(done, PictureDone)
    assert (done.pixels.width_px, done.pixels.height_px, len(done.pixels.data)) == (64, 96, 64 * 96 * 3)


def test_same_recipe_same_bytes_other_seed_other_bytes() -> None:
    engine = _engine()
    for index, seed in enumerate([1, 1, 2]):
        engine.submit(_order(index=index, seed=seed))
    pixels = [event.pixels.data for event in finish(engine) if isinstance(event, PictureDone)]
    assert pixels[0] == pixels[1] != pixels[2]


def test_cancel_answers_at_the_next_step_and_spares_others() -> None:
    engine = _engine()
    for index in range(3):
        engine.submit(_order(index=index))
    engine.submit(_order(job="other"))
    for _ in range(7):
        engine.step()
    engine.cancel(CancelOrder("job", 1))
    engine.cancel(CancelOrder("unknown"))
    assert PictureCancelled("job", 1) in engine.step()
    engine.cancel(CancelOrder("job"))
    events = finish(engine)
    assert [event.index for event in events if isinstance(event, PictureCancelled)] == [0, 2]
    assert [event.job_id for event in events if isinstance(event, PictureDone)] == ["other"]


@pytest.mark.parametrize(
    ("word", "code"), [("!fail", "generation_failed"), ("!unstable", "unstable"), ("!memory", "out_of_memory")]
)
def test_trouble_on_demand_fails_that_picture_only(word: str, code: str) -> None:
    engine = _engine()
    engine.submit(_order(prompt=f"a fox {word}"))
    engine.submit(_order(job="fine"))
    events = finish(engine)
    assert [event.code for event in events if isinstance(event, PictureFailed)] == [code]
    assert [event.job_id for event in events if isinstance(event, PictureDone)] == ["fine"]


def test_no_more_than_live_pictures_at_once_and_preload() -> None:
    engine = create_fake_engine(live_pictures=2, seconds_per_step=0.0)
    engine.preload(PreloadOrder(resolved(), Path("/models/toy")))
    assert {type(event) for event in finish(engine)} == {ModelLoading, MemoryReport}
    for index in range(3):
        engine.submit(_order(index=index))
    first = engine.step()
    assert [event.index for event in first if isinstance(event, PictureStarted)] == [0, 1]
    engine.close()
    assert engine.idle


def test_importing_it_loads_no_torch() -> None:
    code = "import sys, studio.engine.fake, studio.engine.protocol; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
