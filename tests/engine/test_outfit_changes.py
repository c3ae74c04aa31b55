"""A second pass with LoRAs of its own: the networks change between the passes, and nobody waits for ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.engine.chassis import Chassis
from studio.engine.load import inspect_checkpoint
from studio.engine.residency import Residency
from studio.engine.step_engine import StepEngine
from studio.recipe import Mode
from studio.recipe.adapters import Adapter
from studio.recipe.events import CancelOrder, Event, PictureDone, PictureFailed, PictureOrder
from tests.engine.conftest import CPU
from tests.engine.pretended_card import PretendedCard
from tests.engine.recipes import finish, resolved
from tests.engine.test_adapters import lora

PAGE = "a" * 64
ONE, TWO = (Adapter(name=name, sha256=name) for name in ("one", "two"))
SECOND = {
    "hires_width_px": 128, "hires_height_px": 128, "hires_upscaler": "Latent", "hires_steps": 3,
    "hires_sampler": "Euler", "hires_schedule": "uniform", "hires_guidance_scale": 5.0, "hires_prompt": "a red cat",
    "hires_denoising_strength": 0.6,
}  # fmt: skip


@pytest.fixture(scope="module")
def files(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    looked_at = inspect_checkpoint(toy)
    chassis = Chassis(looked_at, dict.fromkeys(looked_at.components, CPU))
    folder = tmp_path_factory.mktemp("loras")
    return {
        "one": lora(folder / "one.safetensors", chassis, "kohya"),
        "two": lora(folder / "two.safetensors", chassis, "peft", alpha=9.0),
    }


@pytest.fixture(params=["cpu", "card for one"])
def engine(request: pytest.FixtureRequest) -> Iterator[StepEngine]:
    """With room for several chassis, and on a card with room for one."""
    placement = CPU if request.param == "cpu" else PretendedCard()
    made = StepEngine(placement, Residency(placement, None if placement is CPU else 1))
    yield made
    made.close()


def ordered(toy: Path, files: dict[str, Path], job: str = "job", index: int = 0, **fields: Any) -> PictureOrder:
    return PictureOrder(job, index, resolved(**{"exact": True, "steps": 3, **fields}), toy, files=files)


def picture(engine: StepEngine, order: PictureOrder) -> bytes:
    engine.submit(order)
    return made(finish(engine))[order.job_id, order.index]


def made(events: list[Event]) -> dict[tuple[str, int], bytes]:
    assert not [event for event in events if isinstance(event, PictureFailed)]
    return {(event.job_id, event.index): event.pixels.data for event in events if isinstance(event, PictureDone)}


def test_each_pass_wears_its_own(engine: StepEngine, toy: Path, files: dict[str, Path]) -> None:
    """All of strength 1 the second pass begins from noise, so it is a picture of that size and those LoRAs alone."""
    alone = picture(engine, ordered(toy, files, adapters=(TWO,), width_px=128, height_px=128))
    anew = {**SECOND, "hires_denoising_strength": 1.0}
    assert picture(engine, ordered(toy, files, adapters=(ONE,), hires_adapters=(TWO,), **anew)) == alone
    # And of strength 0 nothing is left of it but the enlarging.
    kept = {**SECOND, "hires_denoising_strength": 0.0}
    first = picture(engine, ordered(toy, files, adapters=(ONE,), **kept))
    assert picture(engine, ordered(toy, files, adapters=(ONE,), hires_adapters=(TWO,), **kept)) == first


def test_all_that_can_be_worn_are_other_pictures(engine: StepEngine, toy: Path, files: dict[str, Path]) -> None:
    ways: list[dict[str, Any]] = [
        {}, {"adapters": (ONE,)}, {"adapters": (ONE,), "hires_adapters": ()}, {"hires_adapters": (ONE,)},
        {"adapters": (ONE,), "hires_adapters": (TWO,)}, {"adapters": (TWO,), "hires_adapters": (ONE,)},
    ]  # fmt: skip
    pictures = [picture(engine, ordered(toy, files, **way, **SECOND)) for way in ways]
    assert len(set(pictures)) == len(ways)
    same = picture(engine, ordered(toy, files, adapters=(ONE,), hires_adapters=(ONE,), **SECOND))
    assert same == pictures[1]


def test_a_finish_may_wear_something_else_too(engine: StepEngine, toy: Path, files: dict[str, Path]) -> None:
    """It has no first pass, so it is made with the second one's alone."""
    source = Path(__file__).parent.parent.parent / "docs" / "page.png"
    fields = {"mode": Mode.FINISH, "source": PAGE, **SECOND}
    wanted = picture(engine, ordered(toy, {**files, PAGE: source}, adapters=(TWO,), **fields))
    given = picture(engine, ordered(toy, {**files, PAGE: source}, hires_adapters=(TWO,), **fields))
    assert given == wanted


def test_many_change_together_while_others_come(engine: StepEngine, toy: Path, files: dict[str, Path]) -> None:
    changing = {"adapters": (ONE,), "hires_adapters": (TWO,), **SECOND}
    alone = [picture(engine, ordered(toy, files, index=seed, seed=seed, **changing)) for seed in range(3)]
    plain = picture(engine, ordered(toy, files))
    for seed in range(3):
        engine.submit(ordered(toy, files, index=seed, seed=seed, **changing))
    for number in range(20):  # they want what the others take off
        engine.submit(ordered(toy, files, "worn", number, adapters=(ONE,)))
    for number in range(20):
        engine.submit(ordered(toy, files, "plain", number))
    events = finish(engine)
    pictures = made(events)
    assert [pictures["job", seed] for seed in range(3)] == alone
    assert all(pictures["plain", number] == plain for number in range(20))
    finished = [event.job_id for event in events if isinstance(event, PictureDone)]
    assert max(place for place, job in enumerate(finished) if job == "job") < 20, "they were not kept waiting"


def test_it_can_be_cancelled_while_it_waits_to_change(engine: StepEngine, toy: Path, files: dict[str, Path]) -> None:
    engine.submit(ordered(toy, files, adapters=(ONE,), hires_adapters=(TWO,), **SECOND))
    for _ in range(1000):
        engine.step()
        if any(one.wanted for one in engine._live):
            break
    engine.cancel(CancelOrder("job"))
    assert not any(isinstance(event, PictureFailed) for event in finish(engine))
    assert picture(engine, ordered(toy, files)) == picture(engine, ordered(toy, files))


def test_a_lora_that_went_meanwhile_costs_the_pictures_that_want_it(
    engine: StepEngine, toy: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    gone = {**files, "two": tmp_path / "gone.safetensors"}
    engine.submit(ordered(toy, gone, adapters=(ONE,), hires_adapters=(TWO,), **SECOND))
    engine.submit(ordered(toy, files, "plain"))
    events = finish(engine)
    assert [event.job_id for event in events if isinstance(event, PictureFailed)] == ["job"]
    assert [event.job_id for event in events if isinstance(event, PictureDone)] == ["plain"]
