"""Says what a safetensors file is from the names and shapes of its tensors: which kind of model, of which family.

The telling names are public: those of the original repositories (CompVis/latent-diffusion, sd3-ref,
Stability-AI/generative-models, black-forest-labs/flux) and the list in diffusers, ``loaders/single_file_utils.py``
(CHECKPOINT_KEY_NAMES). File names count for nothing, with one exception that is said where it is made. Adapters and
parts are told in `parts`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from studio.library.card import Family, Kind, Prediction
from studio.library.header import Header
from studio.library.parts import Part, identify_part

UNET = "model.diffusion_model."
"""What every name of the diffusion network begins with in a single-file checkpoint."""

VAE = "first_stage_model."
"""The same of the VAE."""

_WHOLE_VAE = ("encoder.conv_in.weight", "decoder.conv_in.weight")
"""One half alone, to which some have been cut down, begins from no pictures or makes none."""

_TEXT_ENCODERS = ("cond_stage_model.", "conditioner.embedders.")
_XL_TEXT_ENCODERS = ("conditioner.embedders.0.", "conditioner.embedders.1.")

CONTROL = "control_model.time_embed.0.weight"
"""The first ControlNets were published together with the checkpoint that they steer (lllyasviel/ControlNet)."""

FIRST_CONVOLUTION = UNET + "input_blocks.0.0.weight"
LABELS = (UNET + "label_emb.0.0.weight", UNET + "label_emb.weight")

# Width of the text embedding that cross-attention reads: diffusers' UNet configs, `cross_attention_dim`.
FAMILY_BY_TEXT_WIDTH: dict[int, Family] = {768: "sd1", 1024: "sd2", 2048: "sdxl", 1280: "sdxl-refiner"}
NATIVE_SIZE_PX: dict[Family, int] = {
    "sd1": 512, "sd2": 768, "sdxl": 1024, "sdxl-refiner": 1024, "sd3": 1024, "sd3.5": 1024, "flux": 1024,
}  # fmt: skip

SDXL_DEEPEST = UNET + "middle_block.1.transformer_blocks.9.attn2.to_k.weight"
"""SDXL has ten transformer layers in the middle; distilled ones (SSD-1B, Vega) have fewer."""

SDXL_CONDITION_WIDTH = 2816
"""Six size and crop numbers at 256 each and the pooled 1280 (generative-models, sd_xl_base.yaml, adm_in_channels)."""


_SAYS_PREDICTION = ("modelspec.prediction_type", "modelspec.predict_key")
"""The second is ComfyUI's, which saves merges with it."""

# What stands beside weights that are more than numbers of another type: ComfyUI's scaled float8, and bitsandbytes.
_QUANTISED = (
    ((".scale_weight", ".weight_scale"), "scaled float8"),
    ((".quant_state.bitsandbytes__nf4", ".quant_state.bitsandbytes__fp4"), "4-bit"),
)

_TURBO = "conditioner.embedders.0.model."
"""Of 2.x only SD-Turbo was written by generative-models; it was made of 2.1-base, which predicts noise."""


@dataclass(frozen=True)
class Identity:
    """What a file is.

    ``input_channels`` are those of the UNet: 4, or 9 with mask and masked picture. ``variant`` names an odd one that
    the family's chassis does not fit; ``lacks`` the text encoders it leaves out, ``needs_vae`` whether it has no VAE;
    ``part`` is what is told of a file that is no checkpoint.
    """

    kind: Kind = "unknown"
    family: Family = "unknown"
    prediction: Prediction = "epsilon"
    zero_snr: bool = False
    input_channels: int = 4
    native_size_px: int = 0
    variant: str | None = None
    lacks: tuple[str, ...] = ()
    needs_vae: bool = False
    part: Part = field(default_factory=Part)


def identify(header: Header, stem: str = "") -> Identity:
    """What a file with this header is; ``stem`` is its name, used only where the header cannot tell (SD 2.x)."""
    found = _transformer(header) or _unet_checkpoint(header, stem)
    if found is None:
        part = identify_part(header)
        return Identity(part.kind, part.family, part=part)
    return found


def _transformer(header: Header) -> Identity | None:
    """SD3, SD3.5 and Flux, whose network is a transformer, with or without the checkpoint's prefix."""
    names = header.tensors
    for prefix in (UNET, ""):
        if prefix + "joint_blocks.0.context_block.adaLN_modulation.1.bias" in names:
            # pos_embed: 192 * 192 places in SD3 medium, 384 * 384 in SD3.5 medium; 38 blocks are SD3.5 large.
            places = header.shape(prefix + "pos_embed")[1:2]
            newer = prefix + "joint_blocks.37.x_block.mlp.fc1.weight" in names or places == (147456,)
            return Identity("checkpoint", "sd3.5" if newer else "sd3", native_size_px=1024)
        if prefix + "double_blocks.0.img_attn.norm.key_norm.scale" in names:
            return Identity("checkpoint", "flux", native_size_px=1024)
    return None


def _unet_checkpoint(header: Header, stem: str) -> Identity | None:
    first = header.shape(FIRST_CONVOLUTION)
    if len(first) != 4:
        return _lone_diffusers_unet(header)
    if CONTROL in header.tensors:
        return None
    family = _family(header)
    prediction, zero_snr = _prediction(header, family, stem)
    identity = Identity(
        "checkpoint",
        family,
        prediction,
        zero_snr,
        input_channels=first[1],
        native_size_px=native_size_px(family, prediction),
        variant=_variant(header, family, first[1]),
        lacks=_lacks(header, family),
        needs_vae=any(VAE + name not in header.tensors for name in _WHOLE_VAE),
    )
    is_alone = identity.needs_vae and not _has(header, *_TEXT_ENCODERS)
    return replace(identity, kind="unet") if is_alone else identity


def _family(header: Header) -> Family:
    for name, info in header.tensors.items():
        if name.startswith(UNET) and name.endswith("attn2.to_k.weight"):
            return FAMILY_BY_TEXT_WIDTH.get(info.shape[-1] if info.shape else 0, "unknown")
    return "unknown"


def _prediction(header: Header, family: Family, stem: str) -> tuple[Prediction, bool]:
    """Marker keys first, then what the file says of itself, then what is usual for the family."""
    zero_snr = "ztsnr" in header.tensors
    if "v_pred" in header.tensors:
        return "v_prediction", zero_snr
    said = next((header.metadata[key] for key in _SAYS_PREDICTION if key in header.metadata), "").lower()
    if said in ("v", "v_prediction", "epsilon"):
        return ("epsilon" if said == "epsilon" else "v_prediction"), zero_snr
    if family == "sd2" and any(name.startswith(_TURBO) for name in header.tensors):
        return "epsilon", zero_snr
    if family == "sd2" and header.shape(FIRST_CONVOLUTION)[1] == 4:
        # 768-v and 512-base have the same names and shapes, so only here the file's name is asked; diffusers asks the
        # training step, which safetensors files leave out, and else takes v-prediction too.
        return ("epsilon" if re.search(r"512|base", stem.lower()) else "v_prediction"), zero_snr
    return "epsilon", zero_snr


def native_size_px(family: Family, prediction: Prediction) -> int:
    """The side that checkpoints of a family are trained at."""
    if family == "sd2" and prediction == "epsilon":
        return 512
    return NATIVE_SIZE_PX.get(family, 0)


def _variant(header: Header, family: Family, channels: int) -> str | None:
    labels = next((header.shape(name) for name in LABELS if name in header.tensors), ())
    for endings, title in _QUANTISED:
        if any(name.endswith(endings) for name in header.tensors):
            return title
    if "edm_mean" in header.tensors:
        return "Playground 2.5"
    if channels == 4 and "edm_vpred.sigma_max" in header.tensors:
        return "CosXL"
    if channels == 8:
        return "instruct-pix2pix"
    if channels == 7:
        return "x4 upscaler"
    if channels == 5:
        return "depth-to-image"
    if channels not in (4, 9):
        return f"{channels}-channel"
    if family in ("sd1", "sd2") and labels:
        return "unCLIP"
    shallow = family == "sdxl" and SDXL_DEEPEST not in header.tensors
    if shallow or (family == "sdxl" and labels[-1:] != (SDXL_CONDITION_WIDTH,)):
        return "reshaped"
    return None


def _lacks(header: Header, family: Family) -> tuple[str, ...]:
    """The text encoders that are not there, in words."""
    if family != "sdxl":
        return () if _has(header, *_TEXT_ENCODERS) else ("the text encoder",)
    titles = ("the first text encoder", "the second text encoder")
    return tuple(title for title, prefix in zip(titles, _XL_TEXT_ENCODERS, strict=True) if not _has(header, prefix))


def _has(header: Header, *prefixes: str) -> bool:
    return any(name.startswith(prefixes) for name in header.tensors)


def _lone_diffusers_unet(header: Header) -> Identity | None:
    """A UNet in diffusers' own names, outside its pipeline folder."""
    width = next(
        (info.shape[-1] for name, info in header.tensors.items() if name.endswith("attn2.to_k.weight") and info.shape),
        0,
    )
    if "conv_in.weight" in header.tensors and "up_blocks.0.resnets.0.conv1.weight" in header.tensors and width:
        return Identity("unet", FAMILY_BY_TEXT_WIDTH.get(width, "unknown"))
    return None
