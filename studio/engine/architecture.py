"""What a chassis is built to: the same for checkpoints whose networks are built alike, whoever wrote their files.

Configurations leave out what is usual, each writer something else. So what is left out is filled in from the libraries'
own defaults before two are compared. It owns the comparison and builds no network.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig

from studio.engine.model_files import CheckpointFiles

_UNBUILT = frozenset(
    ("sample_size", "force_upcast", "scaling_factor", "shift_factor", "latents_mean", "latents_std", "architectures",
     "bos_token_id", "eos_token_id", "pad_token_id", "dtype", "torch_dtype", "transformers_version", "_name_or_path",
     "initializer_factor", "initializer_range", "attention_dropout", "dropout", "model_type")
)  # fmt: skip
"""Said in a configuration, but nothing that changes how a network is built or answers."""


def architecture_of(files: CheckpointFiles) -> str:
    """A hash that is equal where one chassis carries both."""
    built = {name: _whole(name, part.config) for name, part in files.components.items()}
    return hashlib.sha256(json.dumps(built, sort_keys=True, default=str).encode()).hexdigest()


def _whole(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    if name in ("unet", "vae"):
        usual = _defaults(UNet2DConditionModel if name == "unet" else AutoencoderKL)
        whole = {key: config.get(key, default) for key, default in usual.items()}
    else:
        whole = CLIPTextConfig(**config).to_dict()
        if name == "text_encoder":
            whole.pop("projection_dim", None)  # only an encoder with a projection has one
    return {key: _plain(value) for key, value in whole.items() if key not in _UNBUILT and value is not None}


@cache
def _defaults(kind: Any) -> dict[str, Any]:
    parameters = inspect.signature(kind.__init__).parameters.values()
    return {one.name: one.default for one in parameters if one.default is not inspect.Parameter.empty}


def _plain(value: Any) -> Any:
    """A value for every level of a network is the list of it at each."""
    if isinstance(value, (list, tuple)) and value and all(isinstance(one, int) for one in value):
        return value[0] if len(set(value)) == 1 else list(value)
    return list(value) if isinstance(value, tuple) else value
