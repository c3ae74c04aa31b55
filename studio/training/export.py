"""The finished checkpoint on disk, in the layout that `StableDiffusionPipeline.from_pretrained` reads.

Owns the folder's files: half precision, safetensors, no file above 16 MiB. It trains nothing and measures nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save
from transformers import CLIPTextModel

from studio.training.checkpoint_file import write_bytes
from studio.training.errors import CheckpointUnreadable

SHARD_BYTES = 15 * 1024 * 1024
TOKENIZER_FILES = ("vocab.json", "merges.txt", "special_tokens_map.json", "tokenizer_config.json")
SCHEDULER = {
    "_class_name": "DDIMScheduler",
    "_diffusers_version": diffusers.__version__,
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "timestep_spacing": "leading",
    "trained_betas": None,
}
INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": diffusers.__version__,
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


def export_checkpoint(
    folder: Path,
    tokenizer: Path,
    encoder: CLIPTextModel,
    unet: UNet2DConditionModel,
    autoencoder: AutoencoderKL,
    scale: float,
) -> None:
    """Write the whole folder; `model_index.json` comes last and marks it whole.

    `scale` becomes the VAE's `scaling_factor`.
    """
    for name in TOKENIZER_FILES:
        write_bytes(folder / "tokenizer" / name, (tokenizer / name).read_bytes())
    _write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULER)
    vae_config = {**_public(autoencoder.config), "_class_name": "AutoencoderKL", "scaling_factor": scale}
    _write_json(folder / "vae" / "config.json", vae_config)
    _write_json(folder / "unet" / "config.json", {**_public(unet.config), "_class_name": "UNet2DConditionModel"})
    # The files are float16, but transformers makes what this names, while diffusers makes float32 when nobody says
    # otherwise: with "float16" here the text encoder and the UNet of an unchanged `from_pretrained` would not fit.
    text_config = {**_public(encoder.config.to_dict()), "architectures": ["CLIPTextModel"], "dtype": "float32"}
    _write_json(folder / "text_encoder" / "config.json", text_config)
    _write_weights(folder / "vae", "diffusion_pytorch_model", autoencoder)
    _write_weights(folder / "unet", "diffusion_pytorch_model", unet)
    _write_weights(folder / "text_encoder", "model", encoder)
    _write_json(folder / "model_index.json", INDEX)


def load_checkpoint(folder: Path) -> tuple[CLIPTextModel, UNet2DConditionModel, AutoencoderKL]:
    """The networks of an exported folder, float32. Raises CheckpointUnreadable."""
    try:
        return (
            CLIPTextModel.from_pretrained(folder / "text_encoder").float(),
            UNet2DConditionModel.from_pretrained(folder / "unet").float(),
            AutoencoderKL.from_pretrained(folder / "vae").float(),
        )
    except (OSError, ValueError) as error:
        raise CheckpointUnreadable(folder, str(error).splitlines()[0]) from error


def _public(config: Any) -> dict[str, Any]:
    # Keys with an underscore are the library's own notes: with `_use_default_values` in the file, it would take its own
    # default for every value named there, the scaling factor among them.
    return {key: value for key, value in dict(config).items() if not key.startswith("_")}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    write_bytes(path, (json.dumps(content, indent=2, sort_keys=True) + "\n").encode())


def _write_weights(folder: Path, stem: str, module: torch.nn.Module) -> None:
    """Half-precision weights under the names the libraries look for, in shards of at most 15 MiB."""
    weights = {name: weight.detach().cpu().half().contiguous() for name, weight in module.state_dict().items()}
    shards: list[dict[str, torch.Tensor]] = [{}]
    size = 0
    for name, weight in weights.items():
        if size + weight.nbytes > SHARD_BYTES and shards[-1]:
            shards.append({})
            size = 0
        shards[-1][name] = weight
        size += weight.nbytes
    if len(shards) == 1:
        write_bytes(folder / f"{stem}.safetensors", save(shards[0], metadata={"format": "pt"}))
        return
    places: dict[str, str] = {}
    for index, shard in enumerate(shards, start=1):
        file = f"{stem}-{index:05d}-of-{len(shards):05d}.safetensors"
        write_bytes(folder / file, save(shard, metadata={"format": "pt"}))
        places |= dict.fromkeys(shard, file)
    total = sum(weight.nbytes for weight in weights.values())
    _write_json(folder / f"{stem}.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": places})
