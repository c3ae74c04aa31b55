"""The same noise and the same noise levels give the picture that diffusers' pipeline gives, for both predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, StableDiffusionPipeline

from studio.engine.build import create_engine
from studio.recipe.events import PictureDone, PictureOrder
from studio.sampling.noise import PictureNoise
from studio.sampling.noise_schedule import NoiseSchedule
from studio.sampling.registry import sigmas_for
from tests.engine.recipes import finish, order

STEPS = 12


@pytest.fixture(params=["toy", "velocity_toy"])
def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


def ours(asked: PictureOrder) -> np.ndarray[Any, Any]:
    engine = create_engine("cpu")
    engine.submit(asked)
    [done] = [event for event in finish(engine) if isinstance(event, PictureDone)]
    pixels = np.frombuffer(done.pixels.data, np.uint8).reshape(done.pixels.height_px, done.pixels.width_px, 3)
    return pixels.astype(np.float64) / 255


def theirs(folder: Path, scheduler: Any, latents: torch.Tensor, **options: Any) -> np.ndarray[Any, Any]:
    pipeline = StableDiffusionPipeline.from_pretrained(folder)
    pipeline.scheduler = scheduler
    pipeline.set_progress_bar_config(disable=True)
    made = pipeline(
        "a red cat", negative_prompt="the dog", guidance_scale=5.0, latents=latents[None], output_type="np", **options
    ).images[0]
    assert made.std() > 0.02, "a flat picture would prove nothing"
    return np.asarray(made, np.float64)


def asked_and_noise(folder: Path, sampler: str, schedule: str) -> tuple[PictureOrder, torch.Tensor, torch.Tensor]:
    asked = order(folder, sampler=sampler, schedule=schedule, steps=STEPS, negative_prompt="the dog", seed=11)
    sigmas = sigmas_for(sampler, schedule, STEPS, NoiseSchedule.scaled_linear(), "sd1")
    return asked, PictureNoise.for_recipe(asked.recipe).initial(), sigmas


# diffusers builds numpy arrays of tensors the old way when it is given sigmas.
@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
@pytest.mark.parametrize("schedule", ["uniform", "karras"])
def test_euler(folder: Path, schedule: str) -> None:
    asked, noise, sigmas = asked_and_noise(folder, "Euler", schedule)
    scheduler = EulerDiscreteScheduler.from_pretrained(folder / "scheduler", timestep_spacing="linspace")
    expected = theirs(folder, scheduler, noise, sigmas=sigmas.tolist())
    assert np.abs(ours(asked) - expected).max() < 1 / 255


def test_ddim(folder: Path) -> None:
    asked, noise, sigmas = asked_and_noise(folder, "DDIM", "ddim")
    scheduler = DDIMScheduler.from_pretrained(folder / "scheduler", set_alpha_to_one=True)
    # diffusers starts DDIM at unit variance, A1111's samplers at sigma: the same up to this factor.
    start = noise * float(sigmas[0] / (sigmas[0] ** 2 + 1).sqrt())
    expected = theirs(folder, scheduler, start, num_inference_steps=STEPS)
    assert np.abs(ours(asked) - expected).max() < 1 / 255
