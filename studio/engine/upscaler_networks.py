"""The two networks that most upscaler files hold, and the way from a file to one of them.

ESRGAN's residual-in-residual dense blocks (Wang et al. 2018, arXiv:1809.00219, figure 4) in the three spellings of
names that files have, and Real-ESRGAN's compact network (Wang et al. 2021, arXiv:2107.10833, released as
SRVGGNetCompact). Every size is read from the weights. Other architectures are built by spandrel where it is installed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from studio.errors import DamagedModel, UnsupportedModel

Weights = Mapping[str, Tensor]

WRAPPERS = ("params_ema.", "params.", "state_dict.", "model_state_dict.", "module.")
"""What training programs put before every name; averaged weights count before the others."""

RESIDUAL_SHARE = 0.2
"""How much of a block is added to its input (Wang et al. 2018, section 3.1, residual scaling)."""


def load_upscaler(path: Path) -> tuple[nn.Module, int]:
    """The network of a safetensors file, ready to run, and its factor. One whose ``runs_in_halves`` is false overflows
    in half precision.

    Raises:
        DamagedModel: the file cannot be read, or its weights do not fit together.
        UnsupportedModel: an architecture that is not known here.
    """
    try:
        weights = _unwrapped(load_file(path))
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise DamagedModel(f"{path.name} cannot be read: {error}. Download it again.") from error
    try:
        network, names = _built(weights)
        if network is None:
            return _by_spandrel(path)
        network.load_state_dict({names(name): weight.float() for name, weight in weights.items()})
    except (RuntimeError, KeyError, ValueError, IndexError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DamagedModel(f"{path.name} does not fit its architecture: {reason}. Download it again.") from error
    return network.eval().requires_grad_(False), network.factor


def _unwrapped(weights: Weights) -> Weights:
    for wrapper in WRAPPERS:
        inside = {name.removeprefix(wrapper): weight for name, weight in weights.items() if name.startswith(wrapper)}
        if inside:
            return inside
    return weights


def _built(weights: Weights) -> tuple[Any, Any]:
    if "model.0.weight" in weights and "model.1.sub.0.RDB1.conv1.0.weight" in weights:
        last = max(int(name.split(".")[1]) for name in weights)
        return _dense(weights, "model.0.weight", r"model\.1\.sub\.(\d+)\.RDB", (last - 4) // 3), _from_oldest
    if "RRDB_trunk.0.RDB1.conv1.weight" in weights:
        ups = sum(1 for name in weights if re.fullmatch(r"upconv\d\.weight", name))
        return _dense(weights, "conv_first.weight", r"RRDB_trunk\.(\d+)\.", ups), _from_first
    if "body.0.rdb1.conv1.weight" in weights:
        ups = sum(1 for name in weights if re.fullmatch(r"conv_up\d\.weight", name))
        return _dense(weights, "conv_first.weight", r"body\.(\d+)\.rdb", ups), str
    if "body.0.weight" in weights and weights.get("body.1.weight", torch.empty(0)).ndim == 1:
        return Compact(weights), str
    return None, str


def _dense(weights: Weights, first: str, block: str, doublings: int) -> Dense:
    blocks = 1 + max(int(found[1]) for name in weights if (found := re.match(block, name)))
    growth = next(w for n, w in weights.items() if n.lower().endswith(("rdb1.conv1.weight", "rdb1.conv1.0.weight")))
    width, channels = weights[first].shape[:2]
    return Dense(int(channels), int(width), int(growth.shape[0]), blocks, doublings)


def _from_first(name: str) -> str:
    """Names of the first release of ESRGAN, as Real-ESRGAN spells them."""
    name = name.replace("RRDB_trunk.", "body.").replace("trunk_conv", "conv_body").replace("HRconv", "conv_hr")
    return re.sub(r"RDB(\d)", r"rdb\1", name.replace("upconv", "conv_up"))


def _from_oldest(name: str) -> str:
    """Names that only count layers, as Real-ESRGAN spells them."""
    _, place, *rest = name.split(".")
    if place == "1":
        if rest[0] == "sub" and len(rest) > 3:
            return ".".join(["body", rest[1], rest[2].lower(), rest[3], rest[-1]])
        return f"conv_body.{rest[-1]}"
    return f"layer{place}.{rest[-1]}"


def _by_spandrel(path: Path) -> tuple[nn.Module, int]:
    try:
        import spandrel
    except ImportError:
        raise UnsupportedModel(
            f"{path.name} is no ESRGAN, Real-ESRGAN or Compact upscaler. "
            "Others need spandrel: pip install 'latent-studio[upscalers]'."
        ) from None
    try:
        found: Any = spandrel.ModelLoader(device="cpu").load_from_file(path)
    except Exception as error:  # whatever a foreign loader raises means the same here
        raise UnsupportedModel(f"{path.name} is no upscaler that is known: {error}") from error
    network: Any = found.model.eval()
    network.runs_in_halves = bool(found.supports_half)
    return network, int(found.scale)


class DenseBlock(nn.Module):
    """Five convolutions, each seeing what all before it made."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        for place in range(1, 6):
            made = width if place == 5 else growth
            self.add_module(f"conv{place}", nn.Conv2d(width + (place - 1) * growth, made, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, width, height, width_px) to the same."""
        seen = x
        for place in range(1, 5):
            seen = torch.cat([seen, _leaky(self.get_submodule(f"conv{place}")(seen))], dim=1)
        residual: Tensor = self.get_submodule("conv5")(seen)
        return x + RESIDUAL_SHARE * residual


class ResidualBlock(nn.Module):
    """Three dense blocks and a way around them."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (DenseBlock(width, growth) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, width, height, width_px) to the same."""
        residual: Tensor = self.rdb3(self.rdb2(self.rdb1(x)))
        return x + RESIDUAL_SHARE * residual


class Dense(nn.Module):
    """ESRGAN's generator: a trunk of residual blocks, then doublings by nearest neighbour, each with a convolution."""

    def __init__(self, channels: int, width: int, growth: int, blocks: int, doublings: int) -> None:
        super().__init__()
        # Real-ESRGAN's networks of factor 2 and 1 fold pixels into channels first.
        self.folds = {12: 2, 48: 4}.get(channels, 1)
        self.factor = 2**doublings // self.folds
        self.doublings = doublings
        self.conv_first = nn.Conv2d(channels, width, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(width, growth) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(width, width, 3, padding=1)
        for place in range(1, doublings + 1):
            self.add_module(f"conv_up{place}", nn.Conv2d(width, width, 3, padding=1))
        self.conv_hr = nn.Conv2d(width, width, 3, padding=1)
        self.conv_last = nn.Conv2d(width, 3, 3, padding=1)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """As in torch; layers that are only counted are the doublings, then the two last convolutions."""
        counted = sorted({int(n.split(".")[0][5:]) for n in state_dict if n.startswith("layer")})
        names = ["conv_first", *(f"conv_up{n}" for n in range(1, self.doublings + 1)), "conv_hr", "conv_last"]
        places = dict(zip((f"layer{place}" for place in counted), names, strict=True)) if counted else {}
        renamed = {_renamed(name, places): weight for name, weight in state_dict.items()}
        return super().load_state_dict(renamed, strict, assign)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 3, height, width), 0 to 1, to ``factor`` times the size."""
        height, width = x.shape[2:]
        if self.folds > 1:
            down, right = -height % self.folds, -width % self.folds
            x = nn.functional.pixel_unshuffle(nn.functional.pad(x, (0, right, 0, down), "replicate"), self.folds)
        x = self.conv_first(x)
        x = x + self.conv_body(self.body(x))
        for place in range(1, self.doublings + 1):
            x = _leaky(self.get_submodule(f"conv_up{place}")(nn.functional.interpolate(x, scale_factor=2.0)))
        x = self.conv_last(_leaky(self.conv_hr(x)))
        return x[:, :, : height * self.factor, : width * self.factor]


class Compact(nn.Module):
    """A plain row of convolutions with PReLUs; what it makes is added to the enlarged input."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        places = sorted({int(name.split(".")[1]) for name in weights if name.startswith("body.")})
        layers: list[nn.Module] = []
        for place in places:
            weight = weights[f"body.{place}.weight"]
            if weight.ndim == 1:
                layers.append(nn.PReLU(len(weight)))
            else:
                layers.append(nn.Conv2d(int(weight.shape[1]), int(weight.shape[0]), 3, padding=1))
        self.body = nn.Sequential(*layers)
        channels = int(weights["body.0.weight"].shape[1])
        self.factor = round((int(weights[f"body.{places[-1]}.weight"].shape[0]) / channels) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 3, height, width), 0 to 1, to ``factor`` times the size."""
        made = nn.functional.pixel_shuffle(self.body(x), self.factor)
        return made + nn.functional.interpolate(x, scale_factor=float(self.factor))


def _renamed(name: str, places: Mapping[str, str]) -> str:
    first, _, rest = name.partition(".")
    return f"{places[first]}.{rest}" if first in places else name


def _leaky(x: Tensor) -> Tensor:
    return nn.functional.leaky_relu(x, 0.2)
