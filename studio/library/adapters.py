"""Tells LoRAs and their relatives apart by their tensors' names: how one is built, for which family, of what rank.

Names are those of kohya-ss/sd-scripts (``networks/lora.py``), PEFT, diffusers (``loaders/lora_conversion_utils.py``)
and LyCORIS (``lycoris/modules``). It computes no weight; applying them is the engine's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from studio.library.card import Family
from studio.library.header import Header

# The most telling mark first: a LoKr may hold a ``.diff`` too, and DoRA's scale lies beside LoRA's matrices.
_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("LoHa", re.compile(r"\.hada_w[12]_[ab]$")),
    ("LoKr", re.compile(r"\.lokr_w[12](_[ab])?$")),
    ("GLoRA", re.compile(r"\.(a[12]|b[12])\.weight$")),
    ("OFT", re.compile(r"\.(oft_(diag|blocks)|b?oft_R(\.weight)?)$")),
    ("IA3", re.compile(r"\.(on_input|ia3_\w+)$")),
    ("DoRA", re.compile(r"\.(dora_scale|lora_magnitude_vector(\.weight)?)$")),
    ("LoCon", re.compile(r"\.lora_mid\.weight$")),
    ("LoRA", re.compile(r"[._]lora(_linear_layer)?([._](down|up|A|B))((\.\w+)?\.weight)?$|\.to_\w+_lora\.(down|up)\.")),
    ("full difference", re.compile(r"^(lora_|lycoris_|diffusion_model\.|text_encoders\.).*\.(diff|diff_b)$")),
)
_PREFIXES = ("lora_unet_", "lora_te_", "lora_te1_", "lora_te2_", "lora_te3_", "lora_transformer_", "lycoris_")
_SAID: tuple[tuple[str, Family], ...] = (
    ("xl", "sdxl"), ("flux", "flux"), ("sd3", "sd3"), ("stable-diffusion-v3", "sd3"), ("v2", "sd2"), ("v1", "sd1"),
)  # fmt: skip

FAMILY_BY_WIDTH: dict[int, Family] = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
"""Width of the text that cross-attention reads (diffusers' UNet configurations, ``cross_attention_dim``)."""

_TEXT_KEY = re.compile(r"^(?P<layer>.*attn2[._](processor[._])?(to_k|to_v)(_lora)?)[._](?P<end>.+)$")
_FIRST_ENCODER = re.compile(r"^(lora_te_|lora_te1_|text_encoder\.)?text_model[._]encoder[._]layers|^lora_te_|^te_text_")


def form_of(header: Header) -> str:
    """``LoRA``, ``LoHa``, ``LoKr`` and so on; empty for what is no adapter."""
    names = header.tensors
    for form, mark in _FORMS:
        if any(mark.search(name) for name in names):
            if form == "GLoRA" and not any(name.startswith(_PREFIXES) for name in names):
                continue  # its marks are too short to stand alone
            return "LoCon" if form == "LoRA" and _has_convolution(header) else form
    return "LoRA" if any(name.startswith(_PREFIXES) for name in names) else ""


def family_of(header: Header) -> Family:
    """The family it was trained for: what its shapes say, then what it says of itself."""
    names = header.tensors
    if any("double_blocks" in name or "single_transformer_blocks" in name for name in names):
        return "flux"
    if any("joint_blocks" in name for name in names):
        return "sd3"
    for width in _text_widths(header):
        if width in FAMILY_BY_WIDTH:
            return FAMILY_BY_WIDTH[width]
    if any(name.startswith(("lora_te2_", "text_encoder_2.")) for name in names):
        return "sdxl"
    said = f"{header.metadata.get('ss_base_model_version', '')} {header.metadata.get('modelspec.architecture', '')}"
    for word, family in _SAID:
        if word in said.lower():
            return family
    return FAMILY_BY_WIDTH.get(_encoder_width(header), "unknown")


def rank_of(header: Header) -> int:
    """The rank of its matrices, the greatest where they differ; 0 where that has no meaning."""
    ranks = [0]
    for name, info in header.tensors.items():
        if re.search(
            r"(lora_down\.weight|lora_A(\.\w+)?\.weight|lora(_linear_layer)?\.down\.weight|_lora\.down\.weight)$", name
        ) or name.endswith(("hada_w1_b", "lokr_w2_b")):
            ranks.append(info.shape[0] if info.shape else 0)
    return max(ranks)


def _text_widths(header: Header) -> Iterator[int]:
    """What cross-attention's keys and values read, as far as each way of factoring a matrix tells it.

    A matrix is ``(out, in)``: LoRA's down is (rank, in), LoHa multiplies (out, rank) x (rank, in), LoKr is the
    Kronecker product of two, whose widths multiply (lycoris/functional).
    """
    layers: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, info in header.tensors.items():
        matched = _TEXT_KEY.match(name)
        if matched and len(info.shape) >= 2:
            layers.setdefault(matched["layer"], {})[matched["end"]] = info.shape
    for parts in layers.values():
        for end, shape in parts.items():
            if end in (
                "lora_down.weight",
                "lora_A.weight",
                "lora_A.default.weight",
                "lora.down.weight",
                "down.weight",
            ) or end in ("hada_w1_b", "diff", "weight"):
                yield shape[1]
        first = parts.get("lokr_w1") or parts.get("lokr_w1_b")
        second = parts.get("lokr_w2") or parts.get("lokr_w2_b")
        if first and second:
            yield first[1] * second[1]


def _encoder_width(header: Header) -> int:
    """The width of the text encoder it changes: 768 is SD 1.x's, 1024 SD 2.x's."""
    for name, info in header.tensors.items():
        down = re.search(r"(q_proj|k_proj|fc1)\.(lora_down|lora_A|lora\.down|lora_linear_layer\.down)", name)
        if down and _FIRST_ENCODER.match(name) and len(info.shape) == 2:
            return info.shape[1]
    return 0


def _has_convolution(header: Header) -> bool:
    return any(
        len(info.shape) == 4 and info.shape[-1] > 1 and name.endswith("lora_down.weight")
        for name, info in header.tensors.items()
    )
