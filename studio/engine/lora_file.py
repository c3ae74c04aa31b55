"""Reads an adapter file: LoRA, LoCon, LoHa, LoKr, DoRA and full differences, by kohya's, diffusers' and peft's names.

An adapter is a difference to the weights of a module, kept as factors. The formulas are those of the papers: LoRA (Hu
et al. 2021, arXiv:2106.09685), LoHa (Hyeon-Woo et al. 2022, FedPara, arXiv:2108.06098), LoKr (Edalati et al. 2022,
KronA, arXiv:2212.10650), and of LyCORIS (Yeh et al. 2023, arXiv:2309.14859) for convolutions and their Tucker form. It
knows no network: which parameter a module is, is told by `lora_names`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from studio.engine.lora_alphas import Alphas
from studio.errors import DamagedModel, UnsupportedModel
from studio.library.header import read_header

# The end of a tensor's name, and what the tensor is. peft writes the adapter's own name behind lora_A and lora_B.
_ROLES = (
    (r"\.lora_up\.weight|\.lora_B(?:\.\w+)?\.weight|(?:\.lora|_lora|\.lora_linear_layer)\.up\.weight", "up"),
    (r"\.lora_down\.weight|\.lora_A(?:\.\w+)?\.weight|(?:\.lora|_lora|\.lora_linear_layer)\.down\.weight", "down"),
    (r"\.lora_mid\.weight", "mid"),
    (r"\.alpha", "alpha"),
    (r"\.(hada_w1_a|hada_w1_b|hada_w2_a|hada_w2_b|hada_t1|hada_t2)", ""),
    (r"\.(lokr_w1|lokr_w1_a|lokr_w1_b|lokr_w2|lokr_w2_a|lokr_w2_b|lokr_t2)", ""),
    (r"\.(?:diff|w_norm)", "diff"),
    (r"\.(?:diff_b|b_norm)", "diff_b"),
    (r"\.dora_scale", "dora"),
    (r"\.(?:magnitude_vector|lora_magnitude_vector(?:\.\w+)?(?:\.weight)?)", "magnitude"),
)  # fmt: skip
_ENDINGS = tuple((re.compile(f"(?:{pattern})$"), role) for pattern, role in _ROLES)


@dataclass(frozen=True, eq=False)
class AdapterModule:
    """What an adapter does to one module: the factors by their role, float tensors on the CPU."""

    factors: Mapping[str, Tensor]

    def delta(self, shape: torch.Size, device: torch.device | str = "cpu") -> Tensor:
        """The difference to the module's weight, float32, in its shape, at weight 1, multiplied out on ``device``.

        Raises:
            UnsupportedModel: factors that do not make up a known form, or another shape.
        """
        factors = {role: tensor.to(device).float() for role, tensor in self.factors.items() if role != "alpha"}
        try:
            delta, rank = _product(factors)
            scaled = delta * (float(self.factors["alpha"]) / rank) if rank and "alpha" in self.factors else delta
            return scaled.reshape(shape)
        except (KeyError, RuntimeError) as error:
            raise UnsupportedModel(
                f"its factors {', '.join(sorted(factors))} make no weight of {tuple(shape)}"
            ) from error

    def change(self, clean: Tensor) -> Tensor:
        """The difference at weight 1 to a clean weight, float32, which DoRA depends on.

        DoRA (Liu et al. 2024, arXiv:2402.09353, equation 5) gives each output its own length, m (W + delta) /
        |W + delta|. peft's are always of outputs; LyCORIS has them of inputs too, told by the shape of m: (1, in, 1, 1)
        instead of (out, 1).

        Raises:
            UnsupportedModel: as `delta`, or lengths that are of another shape.
        """
        delta = self.delta(clean.shape, clean.device)
        peft, lycoris = self.factors.get("magnitude"), self.factors.get("dora")
        lengths = lycoris if peft is None else peft
        if lengths is None:
            return delta
        merged = clean + delta
        axis = _axis_of(lengths.shape if peft is None else lengths.reshape(-1).shape, clean.shape)
        others = [one for one in range(clean.dim()) if one != axis]
        along = [clean.shape[axis] if one == axis else 1 for one in range(clean.dim())]
        wanted = lengths.float().to(clean.device).reshape(along)
        lengthened: Tensor = merged * (wanted / torch.linalg.vector_norm(merged, dim=others, keepdim=True))
        return lengthened - clean

    @property
    def bias(self) -> Tensor | None:
        """The difference to the module's bias, if it has one."""
        bias = self.factors.get("diff_b")
        return None if bias is None else bias.float()

    @property
    def has_weight(self) -> bool:
        return any(role not in ("alpha", "diff_b", "dora", "magnitude") for role in self.factors)


def _axis_of(lengths: torch.Size, weight: torch.Size) -> int:
    """The axis of a weight that DoRA's lengths are of."""
    if lengths.numel() == weight[0] and (len(lengths) == 1 or lengths[0] == weight[0]):
        return 0
    if len(lengths) > 1 and lengths[0] == 1 and lengths.numel() == weight[1]:
        return 1
    raise UnsupportedModel(f"its lengths {tuple(lengths)} are of no side of a weight of {tuple(weight)}")


def _product(factors: Mapping[str, Tensor]) -> tuple[Tensor, int]:
    """The delta before scaling by alpha, and the rank that alpha is divided by (0: alpha does not count)."""
    if "diff" in factors:
        return factors["diff"], 0
    if "up" in factors:
        return _lora(factors)
    if "hada_w1_a" in factors:
        return _loha(factors)
    return _lokr(factors)


def _lora(factors: Mapping[str, Tensor]) -> tuple[Tensor, int]:
    up, down = factors["up"], factors["down"]
    rank = int(down.shape[0])
    if "mid" in factors:  # LoCon's Tucker form: 1x1, the kernel, 1x1
        return torch.einsum("or,rskl,si->oikl", up.flatten(1), factors["mid"], down.flatten(1)), rank
    return up.flatten(1) @ down.flatten(1), rank


def _loha(factors: Mapping[str, Tensor]) -> tuple[Tensor, int]:
    rank = int(factors["hada_w1_b"].shape[0])
    halves = []
    for number in "12":
        a, b = factors[f"hada_w{number}_a"], factors[f"hada_w{number}_b"]
        core = factors.get(f"hada_t{number}")
        halves.append(a @ b if core is None else torch.einsum("ijkl,jr,ip->prkl", core, b, a))
    return halves[0] * halves[1], rank


def _lokr(factors: Mapping[str, Tensor]) -> tuple[Tensor, int]:
    first, first_rank = _kronecker_side(factors, "1")
    second, second_rank = _kronecker_side(factors, "2")
    if second.dim() == 4:
        first = first[:, :, None, None]
    # alpha is divided by the rank of a side that is factored; two whole sides have none.
    return torch.kron(first.contiguous(), second.contiguous()), second_rank or first_rank


def _kronecker_side(factors: Mapping[str, Tensor], number: str) -> tuple[Tensor, int]:
    whole = factors.get(f"lokr_w{number}")
    if whole is not None:
        return whole, 0
    a, b = factors[f"lokr_w{number}_a"], factors[f"lokr_w{number}_b"]
    core = factors.get(f"lokr_t{number}")
    if core is not None:
        return torch.einsum("ijkl,ip,jr->prkl", core, a, b), int(b.shape[0])
    if b.dim() == 4:
        return (a @ b.flatten(1)).reshape(a.shape[0], *b.shape[1:]), int(b.shape[0])
    return a @ b, int(b.shape[0])


def read_adapter(path: Path) -> dict[str, AdapterModule]:
    """What an adapter file does, by module as the file calls it.

    Raises:
        DamagedModel: it cannot be read.
        UnsupportedModel: it holds nothing that is known.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise DamagedModel(f"The LoRA {path.name} cannot be read: {error}. Download it again.") from error
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        for ending, role in _ENDINGS:
            if match := ending.search(name):
                found.setdefault(name[: match.start()], {})[role or match[1]] = tensor
                break
    # OFT and GLoRA have an alpha too, and nothing else that is known here.
    found = {name: factors for name, factors in found.items() if set(factors) - {"alpha"}}
    if not found:
        raise UnsupportedModel(f"The LoRA {path.name} holds nothing that the studio knows how to apply.")
    alphas = Alphas(path, read_header(path).metadata)
    return {name: AdapterModule(_with_alpha(name, factors, alphas)) for name, factors in found.items()}


def _with_alpha(name: str, factors: Mapping[str, Tensor], alphas: Alphas) -> Mapping[str, Tensor]:
    if "down" not in factors or "alpha" in factors:
        return factors
    alpha = alphas.of(name, int(factors["down"].shape[0]))
    return factors if alpha is None else {**factors, "alpha": torch.tensor(alpha)}
