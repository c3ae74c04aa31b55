"""The architecture of the starter family: one autoencoder, one text encoder, one UNet.

Owns the sizes, and nothing about how they are trained. Every checkpoint of the family has exactly these, so weights
can be swapped.
"""

from __future__ import annotations

from typing import Any

from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

LATENT_CHANNELS = 4
LATENT_FACTOR = 8
TEXT_WIDTH = 192
TEXT_POSITIONS = 77
VAE_CHANNELS = (32, 48, 80, 80)
UNET_CHANNELS = (64, 160)


def build_autoencoder(**changes: Any) -> AutoencoderKL:
    """Pictures (batch, 3, h, w) in -1..1 to latents (batch, 4, h / 8, w / 8) and back."""
    settings: dict[str, Any] = {
        "down_block_types": ("DownEncoderBlock2D",) * len(VAE_CHANNELS),
        "up_block_types": ("UpDecoderBlock2D",) * len(VAE_CHANNELS),
        "block_out_channels": VAE_CHANNELS,
        "layers_per_block": 1,
        "latent_channels": LATENT_CHANNELS,
        "norm_num_groups": 8,
        "sample_size": 128,
        # Attention over all pixels would tie the network to the size it was trained at, and it trains on crops.
        "mid_block_add_attention": False,
        "force_upcast": False,
    }
    return AutoencoderKL(**{**settings, **changes})


def build_text_encoder(vocabulary: int, start: int, end: int, **changes: Any) -> CLIPTextModel:
    """Token ids (batch, 77) to a memory (batch, 77, 192)."""
    settings: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": TEXT_WIDTH,
        # Wider than CLIP's four times: this is where what the words look like is kept, about 24 units for each of 64
        # patches.
        "intermediate_size": TEXT_WIDTH * 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": TEXT_POSITIONS,
        "hidden_act": "quick_gelu",
        "projection_dim": TEXT_WIDTH,
        "bos_token_id": start,
        "eos_token_id": end,
        "pad_token_id": end,
    }
    return CLIPTextModel(CLIPTextConfig(**{**settings, **changes}))


def build_unet(**changes: Any) -> UNet2DConditionModel:
    """Noised latents (batch, 4, h, w), timesteps (batch,), memory (batch, 77, 192) to velocities like the latents.

    Attention runs at half the latent's size only: at full size it cost a third of the speed (measured, two CPU cores).
    """
    settings: dict[str, Any] = {
        "sample_size": 16,
        "in_channels": LATENT_CHANNELS,
        "out_channels": LATENT_CHANNELS,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "block_out_channels": UNET_CHANNELS,
        "layers_per_block": 1,
        "cross_attention_dim": TEXT_WIDTH,
        # diffusers reads this as the number of heads (its own note in UNet2DConditionModel.__init__).
        "attention_head_dim": 4,
        "norm_num_groups": 8,
    }
    return UNet2DConditionModel(**{**settings, **changes})
