"""The autoencoder's stage: pictures to latents and back.

Owns its batches and its loss. It trains on crops, because it is convolutional, with some whole pictures for the edges.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from studio.training.combinations import trained_mask
from studio.training.compose import SIZE_PX, Placement, over, palette, place
from studio.training.device import mixed_precision
from studio.training.stage import Stage, StageSettings

CROP_PX = 64
BATCH = 12
# So small that it only keeps the latents from drifting apart (Rombach et al. 2022, app. G, use 1e-6 on sums).
KL_WEIGHT = 2e-5
FREE_COLOUR_SHARE = 0.25
LATENT_NOISE = 0.4
"""How much noise the decoder learns to look past, at most, as a share of the latents' deviation."""

Look = Callable[[Tensor], Tensor]


def autoencoder_batch(art: Tensor, generator: torch.Generator, batch: int = BATCH, crop_px: int = CROP_PX) -> Tensor:
    """Random composed crops, (batch, 3, crop, crop) in -1..1, none from a combination that is held out."""
    allowed = trained_mask().nonzero()
    subject, style, colour = allowed[torch.randint(len(allowed), (batch,), generator=generator)].unbind(1)
    window = torch.randint(0, SIZE_PX - crop_px + 1, (batch, 2), generator=generator)
    layer = place(art[subject, style], Placement.random(batch, generator), crop_px, window)
    background = palette()[colour]
    free = torch.rand(batch, 1, generator=generator) < FREE_COLOUR_SHARE
    background = torch.where(free, torch.rand(batch, 3, generator=generator), background)
    return over(layer, background) * 2 - 1


def reconstruction_loss(autoencoder: AutoencoderKL, pictures: Tensor, noise: Tensor | None = None) -> Tensor:
    """Absolute and squared error of the pictures through the latents, plus a trace of KL; a scalar, float32.

    `noise` like the latents, (batch, 4, h / 8, w / 8), is added to them before they are decoded.
    """
    with mixed_precision(pictures.device):
        posterior = autoencoder.encode(pictures).latent_dist
        latents = posterior.sample()
        decoded = autoencoder.decode(latents if noise is None else latents + noise).sample
    difference = decoded.float() - pictures
    divergence: Tensor = posterior.kl().float().mean() / 64
    loss: Tensor = difference.abs().mean() + 2 * difference.square().mean() + KL_WEIGHT * divergence
    return loss


def train_autoencoder(
    art: Tensor, autoencoder: AutoencoderKL, out: Path, settings: StageSettings, report: Callable[[str], None]
) -> None:
    """Train in place; at the end `autoencoder` holds the running average. `art` is (subject, style, 4, 128, 128)."""
    device = next(autoencoder.parameters()).device
    stage = Stage(settings, {"vae": autoencoder}, out, report)
    _train(stage, art, autoencoder, device)


def train_decoder(
    art: Tensor,
    autoencoder: AutoencoderKL,
    out: Path,
    settings: StageSettings,
    report: Callable[[str], None],
    look: Look | None = None,
    deviation: float = 0.0,
) -> None:
    """Go on with the decoder alone, in place: the latents stay what they are, so the UNet can learn on them at the
    same time.

    `look` restyles the pictures, (batch, 3, h, w) in 0..1, before they are encoded. With the `deviation` of the
    latents given, three in four are decoded with noise on them, because a UNet leaves some: a decoder that never saw
    any turns it into blotches.
    """
    device = next(autoencoder.parameters()).device
    for part in (autoencoder.encoder, autoencoder.quant_conv):
        part.requires_grad_(False)
    stage = Stage(settings, {"vae": autoencoder}, out, report)
    _train(stage, art, autoencoder, device, look, deviation)


def latent_noise(batch: int, size: int, deviation: float, generator: torch.Generator) -> Tensor:
    """Noise of another strength for each latent, (batch, 4, size, size), float32; every fourth gets none."""
    strength = torch.rand(batch, 1, 1, 1, generator=generator) * LATENT_NOISE * deviation
    strength[3::4] = 0
    return torch.randn(batch, 4, size, size, generator=generator) * strength


def _train(
    stage: Stage,
    art: Tensor,
    autoencoder: AutoencoderKL,
    device: torch.device,
    look: Look | None = None,
    deviation: float = 0.0,
) -> None:
    def learn(step: int, generator: torch.Generator) -> Tensor:
        # Every eighth batch shows whole pictures, a quarter as many for the same work.
        whole = step % 8 == 7
        shape = (BATCH // 4, SIZE_PX) if whole else (BATCH, CROP_PX)
        pictures = autoencoder_batch(art, generator, *shape)
        if look is not None:
            pictures = look(pictures / 2 + 0.5) * 2 - 1
        noise = latent_noise(shape[0], shape[1] // 8, deviation, generator).to(device) if deviation else None
        return reconstruction_loss(autoencoder, pictures.to(device), noise)

    stage.run(learn)
