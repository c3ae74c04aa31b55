"""Single-file checkpoints: what networks their tensors make, and diffusers' names for them.

The configurations come from ``assets/families``, and what a file's own shapes say goes before them, so that a network
of other widths or depths than the published ones can be built too. The names are those of CompVis/stable-diffusion,
Stability-AI/stablediffusion and Stability-AI/generative-models; UNet and VAE are renamed by diffusers' own functions,
the text encoders here. It reads headers, and tensors only through the caller.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any, cast, get_args

from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
from torch import Tensor

from studio.engine.model_files import CheckpointFiles, ComponentFiles, read_json
from studio.errors import DamagedModel, UnsupportedModel
from studio.library.card import Prediction
from studio.library.families import family_folder
from studio.library.header import Header, read_header
from studio.library.identify import UNET, VAE, identify
from studio.library.support import unsupported

CLIP = ("cond_stage_model.transformer.", "conditioner.embedders.0.transformer.")
OPEN_CLIP = ("cond_stage_model.model.", "conditioner.embedders.1.model.", "conditioner.embedders.0.model.")

HEAD_WIDTH = 64
"""Channels of an attention head in Stable Diffusion 2.x and XL (num_head_channels); 1.x has a fixed count instead."""


def inspect_single_file(file: Path, prediction: str = "") -> CheckpointFiles:
    """The networks of a single-file checkpoint, from its header alone; ``prediction`` goes before what that tells. One
    that has no VAE of its own has none here either.

    Raises:
        DamagedModel: it is missing, cut short or no safetensors file.
        UnsupportedModel: a family the engine cannot run, or parts that are left out.
    """
    header = read_header(file)
    if header.problem:
        raise DamagedModel(f"{file.name} cannot be used. {header.problem}")
    identity = identify(header, file.stem)
    if prediction in get_args(Prediction):
        identity = replace(identity, prediction=cast(Prediction, prediction))
    reason = unsupported(identity, "single-file")
    if identity.kind != "checkpoint" or reason:
        raise UnsupportedModel(f"{file.name} cannot be used. {reason or 'It is no checkpoint.'}")
    folder = family_folder(identity.family, identity.prediction, inpainting=identity.input_channels == 9)
    if folder is None:
        raise UnsupportedModel(f"{file.name} is of the family {identity.family}, which cannot be run from one file.")
    scheduler = {**read_json(folder / "scheduler" / "scheduler_config.json"), "prediction_type": identity.prediction}
    if identity.zero_snr:
        scheduler["rescale_betas_zero_snr"] = True
    prefixes = {"unet": (UNET,), **({} if identity.needs_vae else {"vae": (VAE,)}), **_text_prefixes(header, folder)}
    components = {
        name: _component(file, header, name, own, read_json(folder / name / "config.json"))
        for name, own in sorted(prefixes.items())
    }
    tokenizers = tuple(folder / name for name in ("tokenizer", "tokenizer_2") if (folder / name).is_dir())
    return CheckpointFiles(file, components, scheduler, tokenizers, "ldm")


def _text_prefixes(header: Header, folder: Path) -> dict[str, tuple[str, ...]]:
    names = [name for name in ("text_encoder", "text_encoder_2") if (folder / name).is_dir()]
    if len(names) == 2:
        return {"text_encoder": (CLIP[1],), "text_encoder_2": (OPEN_CLIP[1],)}
    return {"text_encoder": (CLIP[0], OPEN_CLIP[0], OPEN_CLIP[2])}


def _component(
    file: Path, header: Header, name: str, prefixes: tuple[str, ...], base: Mapping[str, Any]
) -> ComponentFiles:
    mine = {key: info.shape for key, info in header.tensors.items() if key.startswith(prefixes)}
    prefix = next((one for one in prefixes if any(key.startswith(one) for key in mine)), "")
    if not prefix:
        raise DamagedModel(f"{file.name} holds no {name.replace('_', ' ')}. Download it again.")
    shapes = {key.removeprefix(prefix): shape for key, shape in mine.items() if key.startswith(prefix)}
    try:
        if name == "unet":
            config = unet_config(shapes, base)
        elif name == "vae":
            config = vae_config(shapes, base)
        else:
            config = text_config(shapes, base, drops_last=len(prefixes) > 1)
    except (KeyError, ValueError, IndexError) as error:
        raise UnsupportedModel(f"The {name} in {file.name} is built in a way that the studio does not know.") from error
    return ComponentFiles(f"{file.name}, {name}", config, (file,), sum(prod(shape) for shape in shapes.values()))


Shapes = Mapping[str, tuple[int, ...]]


def unet_config(shapes: Shapes, base: Mapping[str, Any]) -> dict[str, Any]:
    """diffusers' configuration of a UNet with these shapes; ``base`` answers what shapes cannot tell."""
    widths: list[int] = []
    depths: list[int] = []
    layers: list[int] = []
    width = depth = count = 0
    for block in range(1, 1 + _most(shapes, r"input_blocks\.(\d+)\.")):
        if f"input_blocks.{block}.0.op.weight" in shapes:
            widths, depths, layers = [*widths, width], [*depths, depth], [*layers, count]
            depth = count = 0
            continue
        width = shapes[f"input_blocks.{block}.0.out_layers.3.weight"][0]
        depth = 1 + _most(shapes, rf"input_blocks\.{block}\.1\.transformer_blocks\.(\d+)\.")
        count += 1
    widths, depths, layers = [*widths, width], [*depths, depth], [*layers, count]
    if len(set(layers)) != 1:
        raise ValueError("levels of different depths")
    text_width = next(shape[-1] for key, shape in shapes.items() if key.endswith("attn2.to_k.weight"))
    heads = base["attention_head_dim"]
    config = {
        **base,
        "in_channels": shapes["input_blocks.0.0.weight"][1],
        "out_channels": shapes["out.2.weight"][0],
        "block_out_channels": widths,
        "layers_per_block": layers[0],
        "down_block_types": ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths],
        "up_block_types": ["CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in reversed(depths)],
        "cross_attention_dim": text_width,
        "attention_head_dim": heads if isinstance(heads, int) else [max(one // HEAD_WIDTH, 1) for one in widths],
    }
    if max(depths) > 1:
        middle = 1 + _most(shapes, r"middle_block\.1\.transformer_blocks\.(\d+)\.")
        if middle != depths[-1]:
            raise ValueError("a middle of another depth")
        config["transformer_layers_per_block"] = [max(one, 1) for one in depths]
    if "label_emb.0.0.weight" in shapes:
        config["projection_class_embeddings_input_dim"] = shapes["label_emb.0.0.weight"][1]
    return config


def vae_config(shapes: Shapes, base: Mapping[str, Any]) -> dict[str, Any]:
    """diffusers' configuration of an autoencoder with these shapes, under the original names or diffusers' own."""
    level, block = ("down", "block") if "encoder.down.0.block.0.conv2.weight" in shapes else ("down_blocks", "resnets")
    levels = range(1 + _most(shapes, rf"encoder\.{level}\.(\d+)\."))
    widths = [shapes[f"encoder.{level}.{place}.{block}.0.conv2.weight"][0] for place in levels]
    return {
        **base,
        "block_out_channels": widths,
        "down_block_types": ["DownEncoderBlock2D"] * len(widths),
        "up_block_types": ["UpDecoderBlock2D"] * len(widths),
        "layers_per_block": 1 + _most(shapes, rf"encoder\.{level}\.0\.{block}\.(\d+)\."),
        "latent_channels": shapes["decoder.conv_in.weight"][1],
    }


def text_config(shapes: Shapes, base: Mapping[str, Any], *, drops_last: bool) -> dict[str, Any]:
    """transformers' configuration of a CLIP text encoder with these shapes.

    ``drops_last``: Stable Diffusion 2.x reads the last layer but one, so its folders leave the last one out, and so do
    files that were made of folders.
    """
    if "positional_embedding" in shapes:  # OpenCLIP
        layers = 1 + _most(shapes, r"transformer\.resblocks\.(\d+)\.")
        vocabulary, width = shapes["token_embedding.weight"]
        inner = shapes["transformer.resblocks.0.mlp.c_fc.weight"][0]
        # A file that was made of a folder may have no more than the folder has.
        layers -= drops_last and layers != base["num_hidden_layers"]
    else:  # of transformers; some old files have no "text_model."
        shapes = {key.removeprefix("text_model."): shape for key, shape in shapes.items()}
        layers = 1 + _most(shapes, r"encoder\.layers\.(\d+)\.")
        vocabulary, width = shapes["embeddings.token_embedding.weight"]
        inner = shapes["encoder.layers.0.mlp.fc1.weight"][0]
    turned = shapes.get("text_projection.weight", (base["projection_dim"], 0))[::-1]
    projection = shapes.get("text_projection", turned)
    return {
        **base,
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": max(width // HEAD_WIDTH, 1),
        "projection_dim": projection[1],
    }


def component_of(name: str) -> tuple[str, ...]:
    """The prefixes that the tensors of a component may have in a single file."""
    if name == "unet":
        return (UNET,)
    if name == "vae":
        return (VAE,)
    return (OPEN_CLIP[1],) if name == "text_encoder_2" else (*CLIP, OPEN_CLIP[0], OPEN_CLIP[2])


def renamed(name: str, tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> dict[str, Tensor]:
    """A component's tensors, as they are called in the file, by diffusers' and transformers' names."""
    if name == "unet":
        unet: dict[str, Tensor] = convert_ldm_unet_checkpoint(dict(tensors), dict(config))
        return unet
    if name == "vae":
        original = {_original_attention(key): tensor for key, tensor in tensors.items()}
        vae: dict[str, Tensor] = convert_ldm_vae_checkpoint(original, dict(config))
        return vae
    bare = {_without(key, component_of(name)): tensor for key, tensor in tensors.items()}
    return _from_open_clip(bare) if "positional_embedding" in bare else bare


def _original_attention(key: str) -> str:
    """What the original repository calls a tensor of the VAE's attention. Files that were made of folders of diffusers
    0.15 and later often have diffusers' names at that place, and the original ones around it.
    """
    matched = re.match(r"(.+\.mid\.attn_1\.)(to_q|to_k|to_v|to_out\.0)(\.\w+)$", key)
    return f"{matched[1]}{_ATTENTION[matched[2]]}{matched[3]}" if matched else key


_ATTENTION = {"to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def _without(key: str, prefixes: tuple[str, ...]) -> str:
    return next((key.removeprefix(one) for one in prefixes if key.startswith(one)), key)


# OpenCLIP's names (mlfoundations/open_clip, transformer.py) and transformers' (modeling_clip.py) for the same tensors.
_OPEN_CLIP = {
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
}
_OPEN_CLIP_LAYER = (
    ("ln_1.", "layer_norm1."),
    ("ln_2.", "layer_norm2."),
    ("mlp.c_fc.", "mlp.fc1."),
    ("mlp.c_proj.", "mlp.fc2."),
    ("attn.out_proj.", "self_attn.out_proj."),
)


def _from_open_clip(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        if key in _OPEN_CLIP:
            found[_OPEN_CLIP[key]] = tensor
        elif key == "text_projection":
            found["text_projection.weight"] = tensor.T  # OpenCLIP multiplies from the right
        elif key == "text_projection.weight":  # of transformers, as files made of folders may have it
            found[key] = tensor
        elif match := re.fullmatch(r"transformer\.resblocks\.(\d+)\.(.+)", key):
            found.update(_open_clip_layer(f"text_model.encoder.layers.{match[1]}.", match[2], tensor))
    return found


def _open_clip_layer(layer: str, rest: str, tensor: Tensor) -> dict[str, Tensor]:
    if rest.startswith("attn.in_proj_"):
        kind = rest.removeprefix("attn.in_proj_")
        return {
            f"{layer}self_attn.{part}_proj.{kind}": piece for part, piece in zip("qkv", tensor.chunk(3), strict=True)
        }
    for theirs, ours in _OPEN_CLIP_LAYER:
        if rest.startswith(theirs):
            return {layer + ours + rest.removeprefix(theirs): tensor}
    return {}


def _most(shapes: Shapes, pattern: str) -> int:
    """The highest number that a name has at the place of the pattern's group; -1 where no name matches."""
    found = (re.match(pattern, key) for key in shapes)
    return max((int(match[1]) for match in found if match), default=-1)
