"""Tells the model files that are no checkpoints: LoRAs, embeddings, ControlNets, VAEs, text encoders and upscalers.

Names are those of kohya-ss/sd-scripts, PEFT, LyCORIS, A1111's embeddings, lllyasviel/ControlNet, diffusers and
ESRGAN. It only tells them apart, so that a LoRA is never offered as a checkpoint; using them is up to others.
"""

from __future__ import annotations

import re

from studio.library.card import Family, Kind
from studio.library.header import Header

FAMILY_BY_WIDTH: dict[int, Family] = {768: "sd1", 1024: "sd2", 2048: "sdxl"}

_ADAPTER = re.compile(
    r"\.(lora_(down|up|mid|A|B)(\.default)?\.weight|lora\.(down|up)\.weight|hada_w[12]_[ab]|lokr_w[12](_[ab])?"
    r"|oft_(diag|blocks)|dora_scale|glora_[ab]\d?.*|ia3_.*|on_input)$"
)
_ADAPTER_PREFIXES = ("lora_unet_", "lora_te_", "lora_te1_", "lora_te2_", "lora_te3_", "lora_transformer_", "lycoris_")
_CONTROLNET = (
    "control_model.time_embed.0.weight",
    "controlnet_cond_embedding.conv_in.weight",
    "control_model.input_hint_block.0.weight",
    "input_hint_block.0.weight",
)
_UPSCALERS = (
    "model.1.sub.0.RDB1.conv1.0.weight",  # ESRGAN as first published
    "RRDB_trunk.0.RDB1.conv1.weight",
    "body.0.rdb1.conv1.weight",  # Real-ESRGAN
    "params_ema.body.0.rdb1.conv1.weight",
    "layers.0.residual_group.blocks.0.attn.qkv.weight",  # SwinIR, HAT
    "layers.0.blocks.0.attn.qkv.weight",  # DAT
)
_TEXT_ENCODERS = (
    "text_model.embeddings.token_embedding.weight",
    "encoder.block.0.layer.0.SelfAttention.q.weight",  # T5
)


def identify_part(header: Header) -> tuple[Kind, Family]:
    """Kind and family of a file that is no checkpoint; ``("unknown", "unknown")`` for what nothing here knows."""
    names = header.tensors
    if any(name.startswith(_ADAPTER_PREFIXES) or _ADAPTER.search(name) for name in names):
        return "lora", _adapter_family(header)
    if any(name in names for name in _CONTROLNET):
        return "controlnet", _attention_family(header)
    embedding = _embedding_family(header)
    if embedding is not None:
        return "embedding", embedding
    if _is_vae(header):
        return "vae", "unknown"  # SD 1.x, 2.x and SDXL have autoencoders of the same shape
    if any(name in names for name in _UPSCALERS):
        return "upscaler", "unknown"
    if any(name in names for name in _TEXT_ENCODERS):
        return "text-encoder", "unknown"
    return "unknown", "unknown"


def _adapter_family(header: Header) -> Family:
    said = header.metadata.get("ss_base_model_version", "") + header.metadata.get("modelspec.architecture", "")
    for word, family in (("xl", "sdxl"), ("flux", "flux"), ("v2", "sd2"), ("sd3", "sd3"), ("v1", "sd1")):
        if word in said.lower():
            return family  # type: ignore[return-value]
    names = header.tensors
    if any("double_blocks" in name or "single_transformer_blocks" in name for name in names):
        return "flux"
    if any("joint_blocks" in name for name in names):
        return "sd3"
    if any(name.startswith("lora_te2_") for name in names):
        return "sdxl"
    return _attention_family(header)


def _attention_family(header: Header) -> Family:
    """By the width that the keys of cross-attention read: the last axis of the matrix that meets the text."""
    for name, info in header.tensors.items():
        meets_text = re.search(r"attn2[._](processor\.)?to_k", name) is not None
        if meets_text and len(info.shape) >= 2 and not re.search(r"(lora_up|lora_B|lora\.up|hada_w[12]_a)", name):
            # 1x1 convolutions carry two more axes of length one.
            return FAMILY_BY_WIDTH.get(info.shape[1], "unknown")
    return "unknown"


def _embedding_family(header: Header) -> Family | None:
    names = header.tensors
    if len(names) == 2 and "clip_l" in names and "clip_g" in names:
        return "sdxl"
    single = "emb_params" if "emb_params" in names else next(iter(names)) if len(names) == 1 else ""
    shape = header.shape(single)
    if len(shape) == 2 and shape[0] <= 77 and shape[1] in FAMILY_BY_WIDTH:
        return FAMILY_BY_WIDTH[shape[1]]
    return None


def _is_vae(header: Header) -> bool:
    for prefix in ("", "first_stage_model."):
        convolution = header.shape(prefix + "decoder.conv_in.weight")
        if len(convolution) == 4 and len(header.shape(prefix + "encoder.conv_in.weight")) == 4:
            return True
    return False
