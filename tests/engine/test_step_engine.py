"""The engine whole, on toy networks: order of events, shared calls, cancelling, and trouble that stays with one
picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from studio.engine.build import create_engine
from studio.engine.denoiser import Denoiser
from studio.engine.step_engine import StepEngine
from studio.recipe.events import (
    CancelOrder,
    Event,
    MemoryReport,
    ModelLoading,
    PictureCancelled,
    PictureDone,
    PictureFailed,
    PictureStarted,
    PictureStep,
    PreloadOrder,
    TimeSpent,
)
from studio.recipe.model import NoiseDevice
from tests.engine.recipes import finish, order, resolved
from tests.toys import toy_checkpoint


@pytest.fixture
def engine() -> Iterator[StepEngine]:
    made = create_engine("cpu")
    yield made
    made.close()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of samples of each network call."""
    sizes: list[int] = []
    real = Denoiser.__call__

    def counted(self: Denoiser, x: Any, *others: Any, **named: Any) -> Any:
        sizes.append(len(x))
        return real(self, x, *others, **named)

    monkeypatch.setattr(Denoiser, "__call__", counted)
    return sizes


def pixels(events: list[Event]) -> dict[tuple[str, int], bytes]:
    return {(event.job_id, event.index): event.pixels.data for event in events if isinstance(event, PictureDone)}


def failures(events: list[Event]) -> dict[str, tuple[str, str]]:
    return {event.job_id: (event.code, event.reason) for event in events if isinstance(event, PictureFailed)}


def warm(engine: StepEngine, *folders: Path) -> None:
    for folder in folders:
        engine.preload(PreloadOrder(resolved(checkpoint=folder.name), folder))
    finish(engine)


def test_a_picture_from_order_to_pixels(engine: StepEngine, toy: Path) -> None:
    engine.submit(order(toy, previews=2, width_px=64, height_px=96))
    events = finish(engine)
    loading = [event for event in events if isinstance(event, ModelLoading)]
    fractions = [event.fraction for event in loading]
    assert fractions[0] == 0 and fractions[-1] == 1 and fractions == sorted(fractions)
    assert {(event.checkpoint, event.job_id) for event in loading} == {("toy", "job")}
    rest = [event for event in events if not isinstance(event, (ModelLoading, MemoryReport, TimeSpent))]
    assert [type(event) for event in rest] == [PictureStarted] + [PictureStep] * 6 + [PictureDone]
    steps = [event for event in rest if isinstance(event, PictureStep)]
    assert [event.step for event in steps] == [1, 2, 3, 4, 5, 6]
    assert [event.preview is not None for event in steps] == [False, True, False, True, False, False]
    done = rest[-1]
    assert isinstance(done, PictureDone)
    assert (done.pixels.width_px, done.pixels.height_px, len(done.pixels.data)) == (64, 96, 64 * 96 * 3)
    assert len(set(done.pixels.data)) > 20
    assert done.seconds > 0
    assert engine.step() == []


def test_one_call_a_step_for_all_and_newcomers_join(engine: StepEngine, toy: Path, calls: list[int]) -> None:
    warm(engine, toy)
    engine.submit(order(toy, "first"))
    engine.submit(order(toy, "second", sampler="Heun", steps=3, prompt="a dog"))
    for _ in range(4):
        engine.step()
    engine.submit(order(toy, "third", sampler="DPM++ 2M", schedule="karras", guidance_scale=1.0))
    finish(engine)
    # Euler asks 6 times, Heun 5 (its last step is Euler's), DPM++ 2M 6 times without a negative half.
    assert sum(calls) == 2 * 6 + 2 * 5 + 6
    assert calls[:2] == [4, 4]
    assert 5 in calls
    assert len(calls) < 6 + 5 + 6


def test_sides_of_and_share_the_call_and_guidance_one_halves_it(
    engine: StepEngine, toy: Path, calls: list[int]
) -> None:
    warm(engine, toy)
    for prompt, guidance, samples in [("a cat AND a dog", 5.0, 3), ("a cat", 1.0, 1), ("a cat :0.5", 1.0, 2)]:
        calls.clear()
        engine.submit(order(toy, prompt=prompt, guidance_scale=guidance))
        finish(engine)
        assert calls == [samples] * 6


def test_other_sizes_lengths_and_exact_pictures_take_turns(engine: StepEngine, toy: Path, calls: list[int]) -> None:
    warm(engine, toy)
    engine.submit(order(toy, "small"))
    engine.submit(order(toy, "wide", width_px=128))
    engine.submit(order(toy, "long", prompt=" ".join(["cat"] * 80)))
    engine.submit(order(toy, "exact", exact=True))
    engine.submit(order(toy, "small too"))
    events = finish(engine)
    steps = [event.job_id for event in events if isinstance(event, PictureStep)]
    assert sorted(steps[:10]) == sorted(["small", "small too", "wide", "long", "exact"] * 2)
    assert sorted(calls) == [2] * 18 + [4] * 6


def test_no_more_than_live_pictures_at_once(toy: Path, calls: list[int]) -> None:
    engine = create_engine("cpu", live_pictures=2)
    for index in range(5):
        engine.submit(order(toy, index=index))
    events = finish(engine)
    assert max(calls) == 4
    assert [event.index for event in events if isinstance(event, PictureStarted)] == [0, 1, 2, 3, 4]
    live = most = 0
    for event in events:
        live += isinstance(event, PictureStarted) - isinstance(event, PictureDone)
        most = max(most, live)
    assert most == 2


def test_the_prompt_of_the_step_steers_it(engine: StepEngine, toy: Path) -> None:
    for job, prompt in [("cat", "a cat"), ("both", "a [cat:dog:0.5]"), ("dog", "a dog")]:
        engine.submit(order(toy, job, prompt=prompt))
    made = pixels(finish(engine))
    assert len(set(made.values())) == 3


@pytest.mark.parametrize("when", range(12))
def test_cancel_takes_effect_within_one_step(engine: StepEngine, toy: Path, calls: list[int], when: int) -> None:
    for job in ("other", "stopped"):
        engine.submit(order(toy, job, steps=3))
    for _ in range(when):
        engine.step()
    before = len(calls)
    engine.cancel(CancelOrder("stopped"))
    engine.cancel(CancelOrder("unknown", 4))
    assert PictureCancelled("stopped", 0) in engine.step()
    events = finish(engine)
    assert "stopped" not in {job for job, _ in pixels(events)}
    assert not [event for event in events if isinstance(event, PictureStep) and event.job_id == "stopped"]
    assert calls[before:] == [2] * len(calls[before:])


def test_cancelling_during_loading_gives_the_load_up(engine: StepEngine, toy: Path) -> None:
    engine.submit(order(toy))
    engine.step()
    engine.cancel(CancelOrder("job"))
    events = finish(engine)
    assert [type(event) for event in events] == [PictureCancelled]


def test_one_picture_of_a_job_can_be_cancelled(engine: StepEngine, toy: Path) -> None:
    for index in range(3):
        engine.submit(order(toy, index=index))
    for _ in range(9):
        engine.step()
    engine.cancel(CancelOrder("job", 1))
    assert sorted(pixels(finish(engine))) == [("job", 0), ("job", 2)]


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"clip_skip": 9}, "invalid_field", "text encoder has 2 layers"),
        ({"prompt": "cat AND " * 40}, "prompt", "column"),
        ({"sampler": "Eiler"}, "unknown_sampler", "Euler"),
    ],
)
def test_what_is_wrong_with_one_picture_is_its_own(
    engine: StepEngine, toy: Path, fields: dict[str, Any], code: str, words: str
) -> None:
    engine.submit(order(toy, "wrong", **fields))
    engine.submit(order(toy, "right"))
    events = finish(engine)
    assert failures(events)["wrong"][0] == code
    assert words in failures(events)["wrong"][1]
    assert list(pixels(events)) == [("right", 0)]


def test_a_damaged_checkpoint_fails_its_pictures_and_the_next_job_works(
    engine: StepEngine, toy: Path, tmp_path: Path
) -> None:
    broken = toy_checkpoint(tmp_path / "broken", size_px=64, broken="truncated")
    engine.submit(order(broken, "one"))
    engine.submit(order(broken, "two"))
    engine.preload(PreloadOrder(resolved(), broken))
    engine.submit(order(toy, "right"))
    events = finish(engine)
    assert {code for code, _ in failures(events).values()} == {"damaged_model"}
    assert all(
        "diffusion_pytorch_model.safetensors cannot be used. The file is cut short" in reason
        for _, reason in failures(events).values()
    )
    assert list(pixels(events)) == [("right", 0)]


def test_a_trajectory_that_turns_to_nan_fails_alone(
    engine: StepEngine, toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Denoiser.__call__

    def spoilt(self: Denoiser, x: torch.Tensor, *others: Any, **named: Any) -> torch.Tensor:
        answer = real(self, x, *others, **named)
        return torch.where(x.shape[-1] * torch.ones_like(answer) > 0, answer, answer) * _nan_for(x, marked)

    marked: list[float] = []
    monkeypatch.setattr(Denoiser, "__call__", spoilt)
    engine.submit(order(toy, "spoilt", seed=7))
    engine.submit(order(toy, "fine", seed=8))
    while not engine._live:
        engine.step()
    marked.append(float(engine._live[0].trajectory.ask.x[0, 0, 0]))
    events = finish(engine)
    assert failures(events)["spoilt"][0] == "unstable"
    assert list(pixels(events)) == [("fine", 0)]


def _nan_for(x: torch.Tensor, marked: list[float]) -> torch.Tensor:
    """NaN for the samples whose first number is a marked one, else 1."""
    hit = torch.tensor([[float(sample[0, 0, 0]) in marked] for sample in x]).reshape(-1, 1, 1, 1)
    return torch.where(hit, torch.nan, 1.0)


def test_out_of_memory_costs_one_picture_only(engine: StepEngine, toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Denoiser.__call__

    def tight(self: Denoiser, x: torch.Tensor, sigmas: Any, context: torch.Tensor, *others: Any, **named: Any) -> Any:
        if len(x) > 2 or context.shape[1] > 77:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ... free.")
        return real(self, x, sigmas, context, *others, **named)

    monkeypatch.setattr(Denoiser, "__call__", tight)
    engine.submit(order(toy, "large", prompt=" ".join(["cat"] * 80)))
    engine.submit(order(toy, "one"))
    engine.submit(order(toy, "two"))
    events = finish(engine)
    code, reason = failures(events)["large"]
    assert code == "out_of_memory"
    assert "2,147 MB more were needed" in reason and "MB are free" in reason
    assert sorted(pixels(events)) == [("one", 0), ("two", 0)]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_too_large_rounds_are_made_smaller_and_make_the_same_pictures(
    engine: StepEngine, toy: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """A device that takes so many samples in a call and no more: nobody's picture fails for it."""
    real, sizes = Denoiser.__call__, []
    for index in range(3):
        engine.submit(order(toy, "job", index, seed=index))
    expected = pixels(finish(engine))

    def tight(self: Denoiser, x: torch.Tensor, *others: Any, **named: Any) -> Any:
        sizes.append(len(x))
        if len(x) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ... free.")
        return real(self, x, *others, **named)

    monkeypatch.setattr(Denoiser, "__call__", tight)
    for index in range(3):
        engine.submit(order(toy, "job", index, seed=index))
    events = finish(engine)
    assert not failures(events)
    found = pixels(events)
    for key, data in expected.items():
        apart = np.frombuffer(found[key], np.uint8).astype(int) - np.frombuffer(data, np.uint8)
        assert np.abs(apart).max() <= 1, key
    assert sum(size > most for size in sizes) <= 3, "what did not fit is not tried at every step"


def test_an_exact_picture_is_not_cut(engine: StepEngine, toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Denoiser.__call__

    def tight(self: Denoiser, x: torch.Tensor, *others: Any, **named: Any) -> Any:
        if len(x) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ... free.")
        return real(self, x, *others, **named)

    monkeypatch.setattr(Denoiser, "__call__", tight)
    engine.submit(order(toy, "exact", exact=True))
    engine.submit(order(toy, "other"))
    events = finish(engine)
    assert failures(events)["exact"][0] == "out_of_memory"
    assert list(pixels(events)) == [("other", 0)]


def test_an_unexpected_error_is_that_pictures_alone(
    engine: StepEngine, toy: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = Denoiser.__call__

    def buggy(self: Denoiser, x: torch.Tensor, *others: Any, **named: Any) -> torch.Tensor:
        if len(x) % 2:
            raise ZeroDivisionError("a bug")
        return real(self, x, *others, **named)

    monkeypatch.setattr(Denoiser, "__call__", buggy)
    engine.submit(order(toy, "one", guidance_scale=1.0))
    engine.submit(order(toy, "fine"))
    events = finish(engine)
    assert failures(events)["one"] == ("generation_failed", "The picture could not be made: ZeroDivisionError: a bug")
    assert list(pixels(events)) == [("fine", 0)]
    assert "a bug" in caplog.text


def test_zero_terminal_snr_and_other_shapes_of_noise(engine: StepEngine, tmp_path: Path) -> None:
    folder = toy_checkpoint(tmp_path / "zero", size_px=64, prediction="v_prediction", zero_snr=True)
    options: dict[str, dict[str, Any]] = {
        "plain": {},
        "variation": {"variation_seed": 5, "variation_strength": 0.3},
        "resized": {"seed_resize_width_px": 96, "seed_resize_height_px": 64},
        "philox": {"noise": NoiseDevice.PHILOX},
        "ancestral": {"sampler": "Euler a", "eta": 1.0},
        "delta": {"sampler": "Euler a", "eta": 1.0, "eta_noise_seed_delta": 31337},
    }
    for job, fields in options.items():
        engine.submit(order(folder, job, **fields))
    events = finish(engine)
    assert not failures(events)
    assert len(set(pixels(events).values())) == len(options)


def test_what_it_is(engine: StepEngine) -> None:
    ready = engine.describe()
    assert ready.device == "cpu"
    assert ready.device_name
    assert ready.memory_bytes > 2**28
    assert engine.idle


def test_closing_lets_go(toy: Path) -> None:
    engine = create_engine("cpu")
    engine.submit(order(toy))
    for _ in range(12):
        engine.step()
    engine.close()
    engine.close()
    assert engine.idle


def test_what_comes_next_is_read_beside_the_rounds_and_a_damaged_one_hurts_nobody(
    engine: StepEngine, toy: Path, tmp_path: Path
) -> None:
    other = toy_checkpoint(tmp_path / "other", size_px=64, seed=4)
    broken = toy_checkpoint(tmp_path / "broken", size_px=64, broken="truncated")
    residency = engine._residency
    for ahead, reads in ((other, 2), (broken, 2)):
        engine.submit(order(toy, "now", steps=12))
        while not engine._live:
            engine.step()
        engine.preload(PreloadOrder(resolved(), ahead))
        while engine._live:
            engine.step()
        assert residency.reads == reads, "it was read before the picture was done"
        assert not failures(finish(engine))
    engine.submit(order(other, "then"))
    assert not failures(finish(engine)) and residency.reads == 2
