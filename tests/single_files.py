"""Random-weight checkpoints of reduced size in the layouts of single files, each with its twin in a diffusers folder.

The folder is made first, by the libraries' own classes; the single file is written from it under the names of the
original repositories (CompVis/stable-diffusion, Stability-AI/stablediffusion, Stability-AI/generative-models). So both
must give the same pictures, and the renaming is checked against names that this module gives by itself.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from studio.library.families import family_folder
from studio.paths import shipped

LEVELS = {"sd1": (32, 64, 64, 64), "sd2": (64, 64, 64, 64), "sdxl": (64, 64, 64)}
TEXT_WIDTHS = {"sd1": (768,), "sd2": (1024,), "sdxl": (768, 1280)}
VOCABULARY = 49408


def folder_and_file(
    where: Path,
    family: str,
    *,
    prediction: str = "epsilon",
    inpainting: bool = False,
    zero_snr: bool = False,
    seed: int = 0,
) -> tuple[Path, Path]:
    """Write a reduced checkpoint of ``family`` twice, and return the folder and the single file.

    The file says v-prediction and zero terminal SNR as trainers do: by empty tensors, or in its metadata (sd-scripts).
    """
    folder = where / f"{family}-folder"
    shipped_folder = family_folder(family, prediction, inpainting=inpainting)  # type: ignore[arg-type]
    assert shipped_folder is not None
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        parts = _parts(family, shipped_folder, 9 if inpainting else 4)
        for name, network in parts.items():
            network.half().save_pretrained(folder / name)
    for name in ("scheduler",):
        (folder / name).mkdir()
        config = json.loads((shipped_folder / name / "scheduler_config.json").read_text())
        config |= {"prediction_type": prediction, **({"rescale_betas_zero_snr": True} if zero_snr else {})}
        (folder / name / "scheduler_config.json").write_text(json.dumps(config))
    for number, name in enumerate(("tokenizer", "tokenizer_2")[: len(TEXT_WIDTHS[family])]):
        _tokenizer(folder / name, pad="!" if family == "sd2" or number else "<|endoftext|>")
    (folder / "model_index.json").write_text((shipped_folder / "model_index.json").read_text())
    file = where / f"{family}-{'512-base' if prediction == 'epsilon' else 'v'}.safetensors"
    tensors = {name: tensor.clone().contiguous() for name, tensor in _single(folder, family).items()}
    markers = {"v_pred": prediction == "v_prediction" and family == "sdxl", "ztsnr": zero_snr}
    tensors |= {name: torch.zeros(0) for name, is_there in markers.items() if is_there}
    says_v = prediction == "v_prediction" and family == "sd1"
    save_file(tensors, file, {"modelspec.prediction_type": "v"} if says_v else None)
    return folder, file


def _parts(family: str, shipped_folder: Path, channels: int) -> dict[str, Any]:
    unet = json.loads((shipped_folder / "unet" / "config.json").read_text())
    levels = LEVELS[family]
    unet |= {"block_out_channels": levels, "in_channels": channels, "layers_per_block": 1, "sample_size": 8}
    if not isinstance(unet["attention_head_dim"], int):
        unet["attention_head_dim"] = [max(one // 64, 1) for one in levels]
    if family == "sdxl":
        unet["projection_class_embeddings_input_dim"] = 2816
    vae = json.loads((shipped_folder / "vae" / "config.json").read_text())
    vae |= {"block_out_channels": (32, 32, 32, 32), "layers_per_block": 1}
    parts: dict[str, Any] = {
        "unet": UNet2DConditionModel.from_config(unet),
        "vae": AutoencoderKL.from_config(vae),
    }
    for name, width in zip(("text_encoder", "text_encoder_2"), TEXT_WIDTHS[family], strict=False):
        config = json.loads((shipped_folder / name / "config.json").read_text())
        config |= {"num_hidden_layers": 2, "intermediate_size": 64, "num_attention_heads": width // 64}
        kind = CLIPTextModelWithProjection if name == "text_encoder_2" else CLIPTextModel
        parts[name] = kind(CLIPTextConfig(**config))
    return parts


def _tokenizer(folder: Path, pad: str) -> None:
    folder.mkdir()
    for name in ("vocab.json", "merges.txt"):
        (folder / name).write_bytes((shipped("assets") / "families" / "tokenizer" / name).read_bytes())
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "pad_token": pad, "model_max_length": 77})
    )


def _single(folder: Path, family: str) -> dict[str, Tensor]:
    stored = {name: load_file(next((folder / name).glob("*.safetensors"))) for name in ("unet", "vae", "text_encoder")}
    levels = len(LEVELS[family])
    single = {f"model.diffusion_model.{_unet_name(key, levels)}": one for key, one in stored["unet"].items()}
    single |= {f"first_stage_model.{_vae_name(key)}": _as_conv(key, one) for key, one in stored["vae"].items()}
    first = {_with_prefix(key): tensor for key, tensor in stored["text_encoder"].items()}
    if family == "sd2":
        return single | _open_clip(first, "cond_stage_model.model.", spare_layer=True)
    if family == "sd1":
        return single | {f"cond_stage_model.transformer.{key}": tensor for key, tensor in first.items()}
    second = load_file(next((folder / "text_encoder_2").glob("*.safetensors")))
    single |= {f"conditioner.embedders.0.transformer.{key}": tensor for key, tensor in first.items()}
    return single | _open_clip(second, "conditioner.embedders.1.model.", spare_layer=False)


def _with_prefix(key: str) -> str:
    return key if key.startswith("text_model.") else f"text_model.{key}"


# --- the names of the UNet: openaimodel.py of CompVis/stable-diffusion, with one residual block a level ---

_RESNET = (
    ("norm1.", "in_layers.0."), ("conv1.", "in_layers.2."), ("time_emb_proj.", "emb_layers.1."),
    ("norm2.", "out_layers.0."), ("conv2.", "out_layers.3."), ("conv_shortcut.", "skip_connection."),
)  # fmt: skip
_TOP = {
    "conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0", "conv_out": "out.2",
}  # fmt: skip


def _unet_name(key: str, levels: int) -> str:
    stem, _, leaf = key.rpartition(".")
    if stem in _TOP:
        return f"{_TOP[stem]}.{leaf}"
    if match := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.+)", key):
        place = {"resnets0": 0, "attentions0": 1, "resnets1": 2}[match[1] + match[2]]
        return f"middle_block.{place}.{_resnet(match[3]) if match[1] == 'resnets' else match[3]}"
    match = re.fullmatch(r"(down|up)_blocks\.(\d)\.(resnets|attentions|downsamplers|upsamplers)\.(\d)\.(.+)", key)
    assert match is not None, key
    level, layer, rest = int(match[2]), int(match[4]), match[5]
    if match[1] == "down":
        # A level is one residual block (and attention), and one block that halves the size.
        block = 1 + 2 * level + (match[3] == "downsamplers")
        if match[3] == "downsamplers":
            return f"input_blocks.{block}.0.{rest.replace('conv.', 'op.')}"
        return f"input_blocks.{block}.{_inner(match[3], rest)}"
    block = 2 * level + layer
    if match[3] == "upsamplers":
        # Behind residual block and, where the level has one, attention.
        has_attention = level > 0 if levels == 4 else level < levels - 1
        return f"output_blocks.{2 * level + 1}.{2 if has_attention else 1}.{rest}"
    return f"output_blocks.{block}.{_inner(match[3], rest)}"


def _inner(kind: str, rest: str) -> str:
    return f"0.{_resnet(rest)}" if kind == "resnets" else f"1.{rest}"


def _resnet(rest: str) -> str:
    for theirs, original in _RESNET:
        if rest.startswith(theirs):
            return original + rest.removeprefix(theirs)
    raise AssertionError(rest)


# --- the names of the autoencoder: model.py of CompVis/stable-diffusion ---


def _vae_name(key: str) -> str:
    key = re.sub(r"encoder\.down_blocks\.(\d)\.resnets\.(\d)", r"encoder.down.\1.block.\2", key)
    key = re.sub(r"encoder\.down_blocks\.(\d)\.downsamplers\.0", r"encoder.down.\1.downsample", key)
    key = re.sub(r"decoder\.up_blocks\.(\d)\.resnets\.(\d)", lambda m: f"decoder.up.{3 - int(m[1])}.block.{m[2]}", key)
    key = re.sub(r"decoder\.up_blocks\.(\d)\.upsamplers\.0", lambda m: f"decoder.up.{3 - int(m[1])}.upsample", key)
    key = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", key)
    key = key.replace("mid_block.attentions.0.group_norm", "mid.attn_1.norm")
    for ours, original in (("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out")):
        key = key.replace(f"mid_block.attentions.0.{ours}", f"mid.attn_1.{original}")
    return key.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")


def _as_conv(key: str, tensor: Tensor) -> Tensor:
    """The autoencoder's attention is of 1x1 convolutions there."""
    return tensor[:, :, None, None] if "attentions" in key and key.endswith("weight") and tensor.dim() == 2 else tensor


# --- the names of OpenCLIP: transformer.py of mlfoundations/open_clip ---


def _open_clip(stored: dict[str, Tensor], prefix: str, spare_layer: bool) -> dict[str, Tensor]:
    found = {
        "positional_embedding": stored["text_model.embeddings.position_embedding.weight"],
        "token_embedding.weight": stored["text_model.embeddings.token_embedding.weight"],
        "ln_final.weight": stored["text_model.final_layer_norm.weight"],
        "ln_final.bias": stored["text_model.final_layer_norm.bias"],
    }
    width = found["ln_final.bias"].shape[0]
    projection = stored.get("text_projection.weight", torch.zeros(width, width, dtype=torch.float16))
    found["text_projection"] = projection.T
    layers = 1 + max(int(key.split(".")[3]) for key in stored if key.startswith("text_model.encoder.layers."))
    for layer in range(layers + spare_layer):
        source = f"text_model.encoder.layers.{min(layer, layers - 1)}."
        mine = f"transformer.resblocks.{layer}."
        for kind in ("weight", "bias"):
            parts = [stored[f"{source}self_attn.{part}_proj.{kind}"] for part in "qkv"]
            found[f"{mine}attn.in_proj_{kind}"] = torch.cat(parts)
            for theirs, original in (
                ("self_attn.out_proj", "attn.out_proj"), ("layer_norm1", "ln_1"), ("layer_norm2", "ln_2"),
                ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj"),
            ):  # fmt: skip
                found[f"{mine}{original}.{kind}"] = stored[f"{source}{theirs}.{kind}"]
    return {prefix + key: tensor for key, tensor in found.items()}
