"""Tells the networks that enlarge pictures by their tensors' names, and by how much they do.

Marks and arithmetic follow the public architectures: ESRGAN (xinntao/ESRGAN, and victorca25's later spelling of it),
Real-ESRGAN and its Compact generator (xinntao/Real-ESRGAN, ``archs/srvgg_arch.py``), SwinIR, Swin2SR, HAT, DAT, SPAN,
PLKSR, OmniSR and Real-CUGAN. Only the header is read; building a network is the engine's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

from studio.library.header import Header

Shapes = Mapping[str, tuple[int, ...]]

WRAPPERS = ("params_ema.", "params.", "state_dict.", "model_state_dict.", "module.")
"""What training programs put before every name; the averaged weights (``params_ema``) count before the others."""

_MOST_DOUBLINGS = 4  # 16 times; more is no upscaler, and a hostile header must not make the number grow

# Every name must be there. The order matters: HAT and Swin2SR hold all of SwinIR's names, ESRGAN+ all of ESRGAN's.
_MARKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ESRGAN+", ("model.0.weight", "model.1.sub.0.RDB1.conv1x1.weight")),
    ("ESRGAN", ("model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight")),
    ("ESRGAN", ("conv_first.weight", "RRDB_trunk.0.RDB1.conv1.weight", "conv_last.weight")),
    ("Real-ESRGAN", ("conv_first.weight", "body.0.rdb1.conv1.weight", "conv_last.weight")),
    ("HAT", ("conv_first.weight", "layers.0.residual_group.blocks.0.conv_block.cab.0.weight")),
    ("Swin2SR", ("conv_first.weight", "patch_embed.proj.weight", "layers.0.residual_group.blocks.0.attn.logit_scale")),
    ("SwinIR", ("layers.0.residual_group.blocks.0.norm1.weight", "layers.0.residual_group.blocks.0.mlp.fc1.bias")),
    ("DAT", ("conv_first.weight", "layers.0.blocks.0.attn.qkv.weight", "before_RG.1.weight")),
    ("SPAN", ("conv_1.sk.weight", "block_1.c1_r.sk.weight", "upsampler.0.weight")),
    ("PLKSR", ("feats.0.weight", "feats.1.refine.weight")),
    ("OmniSR", ("residual_layer.0.residual_layer.0.layer.0.fn.0.weight", "up.0.weight")),
    ("Real-CUGAN", ("unet1.conv1.conv.0.weight", "unet2.conv1.conv.0.weight")),
)


def upscaler_of(header: Header) -> tuple[str, int] | None:
    """Architecture and factor (0 where it cannot be told) of an upscaler; ``None`` for everything else."""
    shapes = unwrapped({name: info.shape for name, info in header.tensors.items()})
    for form, marks in _MARKS:
        if all(mark in shapes for mark in marks):
            return form, _FACTORS.get(form, _pixel_shuffled)(shapes)
    if _is_compact(shapes):
        return "Compact", _compact_factor(shapes)
    return None


def unwrapped(shapes: Shapes) -> Shapes:
    """The names without what a training program put before them."""
    for wrapper in WRAPPERS:
        inside = {name.removeprefix(wrapper): shape for name, shape in shapes.items() if name.startswith(wrapper)}
        if inside:
            return inside
    return shapes


def _esrgan_factor(shapes: Shapes) -> int:
    """Two for each convolution after an enlargement, divided by what a pixel unshuffle took away before."""
    factor: int
    if "model.0.weight" in shapes:
        # first, trunk, [enlarge, convolution, activation] * n, convolution, activation, convolution: places 0 to 3n+4
        last = max(int(found[1]) for name in shapes if (found := re.match(r"model\.(\d+)\.", name)))
        factor, first = 2 ** min(max(last - 4, 0) // 3, _MOST_DOUBLINGS), shapes["model.0.weight"]
    else:
        ups = [name for name in shapes if re.match(r"(upconv|conv_up)\d\.weight$", name)]
        factor, first = 2 ** min(len(ups), _MOST_DOUBLINGS), shapes["conv_first.weight"]
    unshuffled = {12: 2, 48: 4}.get(first[1] if len(first) == 4 else 3, 1)
    return max(factor // unshuffled, 1)


def _is_compact(shapes: Shapes) -> bool:
    """A plain row of convolutions, each but the last with the slopes of a PReLU behind it."""
    first, slope = shapes.get("body.0.weight", ()), shapes.get("body.1.weight", ())
    return len(first) == 4 and first[1] in (1, 3, 4) and slope == (first[0],) and "body.0.bias" in shapes


def _compact_factor(shapes: Shapes) -> int:
    last = max(int(found[1]) for name in shapes if (found := re.match(r"body\.(\d+)\.weight$", name)))
    return _side(_outputs(shapes[f"body.{last}.weight"]), shapes["body.0.weight"][1])


def _pixel_shuffled(shapes: Shapes) -> int:
    """Transformers end in pixel shuffles (each multiplies channels by the square of its factor) or convolutions."""
    if "conv_before_upsample.0.weight" in shapes and "conv_up1.weight" in shapes:
        doublings = sum(1 for name in shapes if re.match(r"conv_up\d\.weight$", name))
        return 1 << min(doublings, _MOST_DOUBLINGS)
    steps = [shape for name, shape in shapes.items() if re.match(r"upsample\.\d+\.weight$", name) and len(shape) == 4]
    if "conv_last.weight" in shapes and steps:
        return math.prod(_side(shape[0], shape[1]) for shape in steps)
    return _side(steps[0][0], 3) if len(steps) == 1 else 0  # one shuffle straight to red, green and blue


def _span_factor(shapes: Shapes) -> int:
    return _side(_outputs(shapes["upsampler.0.weight"]), 3)


def _plksr_factor(shapes: Shapes) -> int:
    last = max(int(found[1]) for name in shapes if (found := re.match(r"feats\.(\d+)\.", name)))
    return _side(_outputs(shapes.get(f"feats.{last}.weight", ())), 3)


def _omni_factor(shapes: Shapes) -> int:
    return _side(_outputs(shapes["up.0.weight"]), 3)


def _unknown_factor(_shapes: Shapes) -> int:
    return 0


def _outputs(shape: tuple[int, ...]) -> int:
    return shape[0] if shape else 0


def _side(channels: int, colours: int) -> int:
    """The factor of a pixel shuffle from ``channels`` down to ``colours``, which divides by its square; else 0."""
    side = math.isqrt(channels // colours) if colours else 0
    return side if side * side * colours == channels else 0


_FACTORS: Mapping[str, Callable[[Shapes], int]] = {
    "ESRGAN+": _esrgan_factor,
    "ESRGAN": _esrgan_factor,
    "Real-ESRGAN": _esrgan_factor,
    "SPAN": _span_factor,
    "PLKSR": _plksr_factor,
    "OmniSR": _omni_factor,
    "Real-CUGAN": _unknown_factor,
}
