"""Which parameter of which network an adapter's module is: kohya's flat names, diffusers' and peft's dotted ones, and
the block names of the original repositories that adapters for Stable Diffusion XL often carry.

All of them are brought to one flat spelling (dots as underscores) and looked up among the network's own. It owns names
and no numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_PREFIXES = (
    ("lora_unet_", "unet"), ("lora_te_", "text_encoder"),
    ("lora_te1_", "text_encoder"), ("lora_te2_", "text_encoder_2"),
    ("lycoris_unet_", "unet"), ("lycoris_te_", "text_encoder"),
    ("unet.", "unet"), ("text_encoder_2.", "text_encoder_2"), ("text_encoder.", "text_encoder"),
    ("base_model.model.text_model.", "text_encoder"), ("base_model.model.", "unet"), ("lycoris_", "unet"),
    # Merges of ComfyUI, and OneTrainer's newer files (Open Model Initiative).
    ("diffusion_model.", "unet"), ("text_encoders.clip_l.", "text_encoder"), ("clip_l.", "text_encoder"),
    ("text_encoders.clip_g.", "text_encoder_2"), ("clip_g.", "text_encoder_2"),
)  # fmt: skip
_WITHIN = ("base_model.model.", "transformer.")
"""What programs that wrap a network put before its names once more."""

# diffusers once called a text encoder's attention as a UNet's (utils/state_dict_utils.py, DIFFUSERS_OLD_TO_PEFT).
_OLD_TEXT = {"to_q": "q_proj", "to_k": "k_proj", "to_v": "v_proj", "to_out_0": "out_proj"}

# A residual block's layers: openaimodel.py of CompVis/stable-diffusion, and diffusers' resnet.py.
_RESNET = {
    "in_layers_2": "conv1", "in_layers_0": "norm1", "emb_layers_1": "time_emb_proj",
    "out_layers_3": "conv2", "out_layers_0": "norm2", "skip_connection": "conv_shortcut",
}  # fmt: skip
_TOP = {
    "input_blocks_0_0": "conv_in", "time_embed_0": "time_embedding_linear_1", "time_embed_2": "time_embedding_linear_2",
    "label_emb_0_0": "add_embedding_linear_1", "label_emb_0_2": "add_embedding_linear_2",
    "out_0": "conv_norm_out", "out_2": "conv_out",
}  # fmt: skip


def component_and_flat_name(module: str) -> tuple[str, str]:
    """The network that a module of an adapter belongs to, and its flat name there."""
    for prefix, component in _PREFIXES:
        if module.startswith(prefix):
            bare = module.removeprefix(prefix)
            for wrapper in _WITHIN:
                bare = bare.removeprefix(wrapper)
            return component, _flat(bare) if component == "unet" else _modern_text(_flat(bare))
    return "unet", _flat(module)


def _modern_text(flat: str) -> str:
    matched = re.match(r"(.+_self_attn_)(to_\w+)$", flat)
    return matched[1] + _OLD_TEXT.get(matched[2], matched[2]) if matched else flat


def _flat(name: str) -> str:
    flat = name.replace(".", "_").removeprefix("text_model_")
    # diffusers before 0.22 kept an adapter in the attention's processor: processor.to_q_lora.
    flat = flat.replace("_processor_", "_")
    return re.sub(r"_to_out$", "_to_out_0", flat)


def parameters_by_flat_name(parameters: Iterable[str]) -> dict[str, str]:
    """The weight of every module of a network by its flat name."""
    found = {}
    for parameter in parameters:
        module, _, leaf = parameter.rpartition(".")
        if leaf == "weight":
            found[_flat(module)] = parameter
    return found


def matched(flat: str, parameters: Mapping[str, str]) -> str | None:
    """The parameter of a flat name, also where that is of the original repositories; ``None`` where there is none."""
    if flat in parameters:
        return parameters[flat]
    layers = sum(1 for name in parameters if re.fullmatch(r"down_blocks_0_resnets_\d+_conv1", name))
    return parameters.get(_from_original(flat, layers, parameters))


def _from_original(flat: str, layers: int, parameters: Mapping[str, str]) -> str:
    if flat in _TOP:
        return _TOP[flat]
    if match := re.fullmatch(r"middle_block_(\d)_(.+)", flat):
        place = {"0": "resnets_0", "1": "attentions_0", "2": "resnets_1"}.get(match[1], "")
        return f"mid_block_{place}_{_RESNET.get(match[2], match[2])}"
    match = re.fullmatch(r"(input|output)_blocks_(\d+)_(\d)_(.+)", flat)
    if match is None or not layers:
        return ""
    block, part, rest = int(match[2]), int(match[3]), match[4]
    if match[1] == "input":
        level, layer = divmod(block - 1, layers + 1)
        if rest == "op":
            return f"down_blocks_{level}_downsamplers_0_conv"
        return f"down_blocks_{level}_{_part(part, layer, rest)}"
    level, layer = divmod(block, layers + 1)
    if rest == "conv":
        return f"up_blocks_{level}_upsamplers_0_conv"
    return f"up_blocks_{level}_{_part(part, layer, rest)}"


def _part(part: int, layer: int, rest: str) -> str:
    return f"resnets_{layer}_{_RESNET.get(rest, rest)}" if part == 0 else f"attentions_{layer}_{rest}"
