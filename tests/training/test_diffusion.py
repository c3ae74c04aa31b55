"""The UNet's loss against closed forms, and the memory's picture."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from studio.sampling.noise_schedule import NoiseSchedule
from studio.training.batches import captioned_batch
from studio.training.diffusion import SNR_LIMIT, diffusion_loss, loss_weights
from studio.training.latents import Latents
from studio.training.text_pretraining import build_picture_head, patches, picture_loss


def test_weights_are_full_for_noise_and_fall_as_one_over_snr() -> None:
    schedule = NoiseSchedule.scaled_linear()
    weights = loss_weights(schedule)
    snr = schedule.alphas_cumprod / (1 - schedule.alphas_cumprod)
    assert float(weights[999]) == 1.0
    torch.testing.assert_close(weights[0].double(), SNR_LIMIT / (snr[0] + 1), rtol=1e-5, atol=0)
    assert bool((weights.diff() >= -1e-7).all())


class Oracle(nn.Module):
    """Knows the answer for latents of zero: the velocity is the noised latent over the spread, times the signal."""

    def __init__(self, schedule: NoiseSchedule, error: float) -> None:
        super().__init__()
        self.signal = schedule.alphas_cumprod
        self.error = error

    def forward(self, noised: Tensor, timesteps: Tensor, memory: Tensor) -> SimpleNamespace:
        share = self.signal[timesteps].float().reshape(-1, 1, 1, 1)
        return SimpleNamespace(sample=noised * (share / (1 - share)).sqrt() + self.error)


@pytest.mark.parametrize("error", [0.0, 0.5])
def test_the_loss_is_the_weighted_velocity_error(error: float) -> None:
    schedule = NoiseSchedule.scaled_linear()
    weights = loss_weights(schedule)
    count = 64
    unet = Oracle(schedule, error)
    loss = diffusion_loss(
        unet,  # type: ignore[arg-type]
        torch.zeros(count, 77, 192),
        torch.zeros(count, 4, 16, 16),
        schedule,
        weights,
        torch.Generator().manual_seed(0),
    )
    # One timestep from each sixty-fourth of the schedule, so the mean weight is known within a little.
    assert float(loss) == pytest.approx(error**2 * float(weights.mean()), rel=0.02, abs=1e-9)


def few_latents() -> Latents:
    single = torch.arange(6.0).reshape(3, 2, 1, 1, 1).expand(3, 2, 4, 16, 16).half()
    shown = torch.tensor([[0, 0, 0], [1, 1, 1], [2, 0, 2]])
    pair = torch.full((2, 4, 16, 16), 9.0).half()
    return Latents(single, shown, pair, torch.tensor([[0, 0, 1, 1, 5], [2, 1, 0, 0, 6]]), 0.2)


def test_a_batch_pairs_latents_with_their_captions() -> None:
    chosen, central, captions = captioned_batch(few_latents(), 3, torch.Generator().manual_seed(0), 400, 0.25)
    assert chosen.shape == central.shape == (400, 4, 16, 16)
    names = {0: ("cat", "kitten"), 2: ("dog", "puppy"), 4: ("mouse",)}
    empty = captions.count("")
    assert 15 < empty < 70
    for latent, middle, text in zip(chosen[:, 0, 0, 0].tolist(), central[:, 0, 0, 0].tolist(), captions, strict=True):
        if text and latent != 9.0:
            assert middle == latent // 2 * 2
            assert any(name in text for name in names[int(middle)])
        elif text:
            assert " and " in text
    assert sum(value == 9.0 for value in chosen[:, 0, 0, 0].tolist()) == pytest.approx(100, abs=1)


def test_patches_are_two_by_two_in_reading_order() -> None:
    latents = torch.arange(4 * 16 * 16, dtype=torch.float32).reshape(1, 4, 16, 16)
    rows = patches(latents)
    assert rows.shape == (1, 64, 16)
    assert rows[0, 9].reshape(4, 2, 2).equal(latents[0, :, 2:4, 2:4])


def test_the_picture_head_reads_the_last_positions_only() -> None:
    head = build_picture_head()
    memory = torch.randn(2, 77, 192, generator=torch.Generator().manual_seed(0))
    latents = torch.zeros(2, 4, 16, 16)
    before = picture_loss(head, memory, latents)
    memory[:, :13] = 100.0
    assert torch.equal(picture_loss(head, memory, latents), before)
    memory[:, 13] = 100.0
    assert not torch.equal(picture_loss(head, memory, latents), before)
