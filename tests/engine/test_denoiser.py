"""The denoiser against diffusers' schedulers, for both predictions and samples at different noise levels."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel

from studio.engine.denoiser import guided
from studio.engine.load import load_checkpoint
from tests.engine.conftest import CPU, finished


@pytest.mark.parametrize("fixture", ["toy", "velocity_toy"])
@torch.inference_mode()
def test_agrees_with_diffusers_sample_by_sample(fixture: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(fixture)
    checkpoint = finished(load_checkpoint(folder, CPU))
    unet = UNet2DConditionModel.from_pretrained(folder / "unet").eval()
    scheduler = DDIMScheduler.from_pretrained(folder / "scheduler")
    scheduler.set_timesteps(1000)
    generator = torch.Generator().manual_seed(0)
    timesteps = [0, 37, 500, 999]
    preserving = torch.randn(4, 4, 8, 8, generator=generator)
    context = torch.randn(4, 77, 32, generator=generator)
    expected = []
    for index, timestep in enumerate(timesteps):
        one = preserving[index : index + 1]
        output = unet(one, timestep, encoder_hidden_states=context[index : index + 1]).sample
        expected.append(scheduler.step(output, timestep, one).pred_original_sample)
    sigmas = [float(checkpoint.noise_schedule.sigma(timestep)) for timestep in timesteps]
    scale = torch.tensor([(sigma**2 + 1) ** 0.5 for sigma in sigmas]).reshape(4, 1, 1, 1)
    ours = checkpoint.denoiser(preserving * scale, sigmas, context)
    torch.testing.assert_close(ours, torch.cat(expected), rtol=1e-3, atol=2e-4)


def test_guidance_of_one_and_of_several_conditions() -> None:
    unconditional, one, two = torch.full((4, 2, 2), 1.0), torch.full((4, 2, 2), 3.0), torch.full((4, 2, 2), 0.0)
    assert guided(unconditional, [(1.0, one)], 7.0).unique().tolist() == [15.0]  # 1 + 7 * (3 - 1)
    both = guided(unconditional, [(1.0, one), (-0.5, two)], 2.0)
    assert both.unique().tolist() == [6.0]  # 1 + 2 * (1 * 2 - 0.5 * -1)
