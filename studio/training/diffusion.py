"""The UNet's stage: the UNet learns to take noise off latents.

Owns the batches, the loss and its weighting. The noise comes from the same `NoiseSchedule` that sampling walks back.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from studio.sampling.noise_schedule import NoiseSchedule
from studio.training.batches import captioned_batch
from studio.training.device import mixed_precision
from studio.training.latents import Latents
from studio.training.stage import Stage, StageSettings
from studio.training.text_pretraining import token_ids

BATCH = 16
# The weight of an error in x0 grows with the signal-to-noise ratio up to here and stays there: min-SNR (Hang et al.
# 2023, eq. 5), but with SNR + 1 inside the minimum, so that pure noise, where the layout is decided, keeps its full
# weight.
SNR_LIMIT = 5.0


def loss_weights(schedule: NoiseSchedule) -> Tensor:
    """The weight of the squared velocity error at each timestep, (1000,), float32, at most 1."""
    # |v error|^2 = (SNR + 1) |x0 error|^2 (Salimans and Ho 2022, app. D), and SNR + 1 = 1 / (1 - alpha bar).
    snr_plus_one = 1 / (1 - schedule.alphas_cumprod)
    return (snr_plus_one.clamp(max=SNR_LIMIT) / snr_plus_one).float()


def diffusion_loss(
    unet: UNet2DConditionModel,
    memory: Tensor,
    latents: Tensor,
    schedule: NoiseSchedule,
    weights: Tensor,
    generator: torch.Generator,
) -> Tensor:
    """Weighted squared error of the predicted velocity, a scalar.

    `memory` (batch, 77, 192), `latents` (batch, 4, h, w).
    """
    noise = torch.randn(latents.shape, generator=generator)
    # Stratified over the batch: every step sees all noise levels, which quietens the gradient.
    spread = (torch.arange(len(latents)) + torch.rand(len(latents), generator=generator)) / len(latents)
    timesteps = (spread * len(schedule)).long().clamp(max=len(schedule) - 1)
    device = memory.device
    noised = schedule.noised(latents, noise, timesteps).to(device)
    target = schedule.velocity(latents, noise, timesteps).to(device)
    with mixed_precision(device):
        velocity = unet(noised, timesteps.to(device), memory).sample
    error: Tensor = (velocity.float() - target).square().mean(dim=(1, 2, 3))
    return (error * weights[timesteps].to(device)).mean()


def train_diffusion(
    latents: Latents,
    tokenizer: CLIPTokenizer,
    encoder: CLIPTextModel,
    unet: UNet2DConditionModel,
    out: Path,
    settings: StageSettings,
    report: Callable[[str], None],
    pair_share: float = 0.0,
    batch: int = BATCH,
) -> None:
    """Train the UNet in place, and the text encoder unless it is frozen; then both hold their averages."""
    device = next(unet.parameters()).device
    schedule = NoiseSchedule.scaled_linear()
    weights = loss_weights(schedule)
    stage = Stage(settings, {"text": encoder, "unet": unet}, out, report)

    def learn(step: int, generator: torch.Generator) -> Tensor:
        chosen, _, captions = captioned_batch(latents, step, generator, batch, pair_share)
        with mixed_precision(device):
            memory = encoder(token_ids(tokenizer, captions).to(device)).last_hidden_state
        return diffusion_loss(unet, memory.float(), chosen, schedule, weights, generator)

    stage.run(learn)
