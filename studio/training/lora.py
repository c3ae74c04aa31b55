"""A small LoRA, trained and written in the key format that most of its kind have (kohya-ss).

Owns the low-rank layers over the UNet's attention and feed-forward projections, and their file.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save
from torch import Tensor, nn

from studio.training.checkpoint_file import write_bytes

RANK = 8
TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out")


class LowRankLayer(nn.Module):
    """A frozen linear or 1x1 convolution plus a learnt change of rank 8: W + up x down (Hu et al. 2021, eq. 3)."""

    def __init__(self, base: nn.Module, rank: int = RANK) -> None:
        super().__init__()
        self.base = base
        inputs, outputs = int(base.weight.shape[1]), int(base.weight.shape[0])  # type: ignore[index]
        self.lora_down: nn.Module
        self.lora_up: nn.Module
        if isinstance(base, nn.Conv2d):
            self.lora_down = nn.Conv2d(inputs, rank, 1, bias=False)
            self.lora_up = nn.Conv2d(rank, outputs, 1, bias=False)
        else:
            self.lora_down = nn.Linear(inputs, rank, bias=False)
            self.lora_up = nn.Linear(rank, outputs, bias=False)
        # Up starts at zero: the first step draws exactly what the checkpoint draws (Hu et al. 2021, sec. 4.1).
        nn.init.zeros_(self.lora_up.weight)

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.base(x) + self.lora_up(self.lora_down(x))
        return changed


def add_lora(unet: UNet2DConditionModel, rank: int = RANK) -> dict[str, LowRankLayer]:
    """Freeze the UNet and lay low-rank layers over its projections, in place; returns them by module path."""
    unet.requires_grad_(False)
    wanted = [
        name
        for name, module in unet.named_modules()
        if ".attentions." in name and name.endswith(TARGETS) and isinstance(module, (nn.Linear, nn.Conv2d))
    ]
    layers: dict[str, LowRankLayer] = {}
    for name in wanted:
        parent_name, _, leaf = name.rpartition(".")
        parent = unet.get_submodule(parent_name)
        layers[name] = LowRankLayer(unet.get_submodule(name), rank)
        if isinstance(parent, (nn.ModuleList, nn.Sequential)):
            parent[int(leaf)] = layers[name]
        else:
            setattr(parent, leaf, layers[name])
    return layers


def write_lora(path: Path, layers: dict[str, LowRankLayer], name: str, rank: int = RANK) -> None:
    """Write the layers in half precision as `lora_unet_<path with underscores>.lora_down.weight`, `.lora_up.weight`
    and `.alpha`.
    """
    tensors: dict[str, Tensor] = {}
    for module, layer in layers.items():
        key = f"lora_unet_{module.replace('.', '_')}"
        for part in ("lora_down", "lora_up"):
            weight: Tensor = getattr(layer, part).weight
            tensors[f"{key}.{part}.weight"] = weight.detach().cpu().half().contiguous()
        tensors[f"{key}.alpha"] = torch.tensor(float(rank)).half()
    metadata = {
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(rank),
        "ss_network_alpha": str(float(rank)),
        "ss_output_name": name,
        "ss_base_model_version": "sd_v1",
    }
    write_bytes(path, save(tensors, metadata=metadata))
