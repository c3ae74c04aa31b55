"""Tells the model files that are no checkpoints: LoRAs, embeddings, ControlNets, VAEs, text encoders and upscalers.

Names are those of A1111's embeddings, lllyasviel/ControlNet, diffusers and transformers; LoRAs are told in `adapters`,
upscalers in `upscalers`. It only tells them apart, so that a LoRA is never offered as a checkpoint; using them is up
to others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from studio.library.adapters import FAMILY_BY_WIDTH, family_of, form_of, rank_of
from studio.library.card import Family, Kind
from studio.library.header import Header
from studio.library.upscalers import upscaler_of

_CONTROLNET = (
    "control_model.time_embed.0.weight",
    "controlnet_cond_embedding.conv_in.weight",
    "controlnet_x_embedder.weight",  # Flux
    "pos_embed_input.proj.weight",  # SD3
    "control_model.input_hint_block.0.weight",
    "input_hint_block.0.weight",
)
_LLLITE = "lllite_unet_"
"""ControlNet-LLLite, small ones for XL (kohya-ss/sd-scripts, ``networks/control_net_lllite.py``)."""

_TEXT_ENCODERS = (
    "text_model.embeddings.token_embedding.weight",
    "encoder.block.0.layer.0.SelfAttention.q.weight",  # T5
)
XL_EMBEDDINGS = (("clip_l", "clip_g"), ("text_encoders_0", "text_encoders_1"))
"""What embeddings for Stable Diffusion XL call the vectors of its two text encoders; the second way is that of
diffusers' first scripts (``train_dreambooth_lora_sdxl_advanced.py``).
"""

_MOST_VECTORS = 77
"""A prompt's chunk takes 77 tokens, so a longer table of vectors is something else."""


@dataclass(frozen=True)
class Part:
    """What a file is that is no checkpoint; see `ModelCard` for the fields."""

    kind: Kind = "unknown"
    family: Family = "unknown"
    form: str = ""
    factor: int = 0
    vectors: int = 0
    rank: int = 0


def identify_part(header: Header) -> Part:
    """What a file is that is no checkpoint; an unknown `Part` for what nothing here knows."""
    names = header.tensors
    form = form_of(header)
    if form:
        return Part("lora", family_of(header), form, rank=rank_of(header))
    if any(name in names for name in _CONTROLNET) or any(name.startswith(_LLLITE) for name in names):
        return Part("controlnet", _attention_family(header))
    embedding = _embedding(header)
    if embedding is not None:
        return embedding
    latent_channels = _vae_channels(header)
    if latent_channels:
        # SD 1.x, 2.x and SDXL have autoencoders of one shape, with 4 channels; later families have 16.
        said = header.metadata.get("modelspec.architecture", "")
        family: Family = "sdxl" if "xl" in said else "unknown" if latent_channels == 4 else "other"
        return Part("vae", family, f"{latent_channels} channels")
    upscaler = upscaler_of(header)
    if upscaler is not None:
        return Part("upscaler", "unknown", upscaler[0], factor=upscaler[1])
    if any(name in names for name in _TEXT_ENCODERS):
        return Part("text-encoder")
    return Part()


def _attention_family(header: Header) -> Family:
    """By the width that the keys of cross-attention read: the last axis of the matrix that meets the text."""
    for name, info in header.tensors.items():
        if re.search(r"attn2\.to_k\.weight$", name) and len(info.shape) >= 2:
            return FAMILY_BY_WIDTH.get(info.shape[1], "unknown")
    return "unknown"


def _embedding(header: Header) -> Part | None:
    names = header.tensors
    for first, second in XL_EMBEDDINGS:
        if set(names) == {first, second}:
            return Part("embedding", "sdxl", vectors=header.shape(first)[0] if header.shape(first) else 0)
    single = "emb_params" if "emb_params" in names else next(iter(names)) if len(names) == 1 else ""
    shape = header.shape(single)
    if len(shape) == 1:
        shape = (1, *shape)
    is_one = single == "emb_params" or (len(shape) == 2 and shape[1] in FAMILY_BY_WIDTH)
    if is_one and len(shape) == 2 and shape[0] <= _MOST_VECTORS:
        return Part("embedding", FAMILY_BY_WIDTH.get(shape[1], "other"), vectors=shape[0])
    return None


def _vae_channels(header: Header) -> int:
    """How many numbers a latent cell of a lone autoencoder has; 0 for everything else."""
    for prefix in ("", "first_stage_model."):
        convolution = header.shape(prefix + "decoder.conv_in.weight")
        if len(convolution) == 4 and len(header.shape(prefix + "encoder.conv_in.weight")) == 4:
            return convolution[1]
    return 0
