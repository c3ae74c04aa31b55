"""The text encoder's first stage: it learns what its words look like before there is a UNet.

Owns the regression from the encoder's output to the captioned picture's latent, placed in the middle. The last 64 of
the 77 positions each predict one 2x2 patch through a linear head that is thrown away; causal attention lets them all
read the caption, which rarely reaches that far. So the UNet's cross-attention starts from a memory that is already a
blurred picture.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer

from studio.training.batches import captioned_batch
from studio.training.device import mixed_precision
from studio.training.latents import Latents
from studio.training.networks import LATENT_CHANNELS, TEXT_WIDTH
from studio.training.stage import Stage, StageSettings
from studio.training.tokenizer import MODEL_MAX_LENGTH

PATCH = 2
BATCH = 64
EMPTY_SHARE = 0.03


def token_ids(tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    """Captions as (batch, 77) ids, cut and padded."""
    encoded = tokenizer(
        captions, padding="max_length", truncation=True, max_length=MODEL_MAX_LENGTH, return_tensors="pt"
    )
    ids: Tensor = encoded["input_ids"]
    return ids


def patches(latents: Tensor) -> Tensor:
    """Latents (batch, 4, 16, 16) as (batch, 64, 16): one row per 2x2 patch, in reading order."""
    return functional.unfold(latents, PATCH, stride=PATCH).transpose(1, 2)


def build_picture_head() -> nn.Linear:
    """The linear map from a position's output (192) to its patch of the latent (16)."""
    return nn.Linear(TEXT_WIDTH, LATENT_CHANNELS * PATCH * PATCH)


def picture_loss(head: nn.Linear, memory: Tensor, latents: Tensor) -> Tensor:
    """Squared error of the picture in the memory (batch, 77, 192) against latents (batch, 4, 16, 16), a scalar."""
    targets = patches(latents).to(memory.device)
    with mixed_precision(memory.device):
        seen = head(memory[:, -targets.shape[1] :])
    return functional.mse_loss(seen.float(), targets)


def pretrain_text_encoder(
    latents: Latents,
    tokenizer: CLIPTokenizer,
    encoder: CLIPTextModel,
    head: nn.Linear,
    out: Path,
    settings: StageSettings,
    report: Callable[[str], None],
    pair_share: float = 0.0,
) -> None:
    """Train `encoder` and `head` in place until the settings' minutes are spent."""
    device = next(encoder.parameters()).device
    stage = Stage(settings, {"text": encoder, "head": head}, out, report)

    def learn(step: int, generator: torch.Generator) -> Tensor:
        _, central, captions = captioned_batch(latents, step, generator, BATCH, pair_share, EMPTY_SHARE)
        with mixed_precision(device):
            memory = encoder(token_ids(tokenizer, captions).to(device)).last_hidden_state
        return picture_loss(head, memory, central)

    stage.run(learn)
