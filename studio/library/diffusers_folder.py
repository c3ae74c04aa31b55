"""Makes the card of a diffusers pipeline folder from its configurations and the headers of its weights.

``model_index.json`` says which parts there must be; each is checked to be there, readable, whole, and of the shape its
configuration gives. It builds no network and follows no link to the hub.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from studio.errors import DamagedModel, ModelError, UnsupportedModel
from studio.library.card import Checkpoint, Family, OwnDefaults, Prediction, Trouble
from studio.library.corrected import corrected
from studio.library.header import Header, read_header
from studio.library.identify import FAMILY_BY_TEXT_WIDTH, NATIVE_SIZE_PX, Identity
from studio.library.own_defaults import FOLDER_FILE, read_own_defaults
from studio.library.sidecars import with_sidecars
from studio.library.support import PICKLED, unsupported
from studio.recipe.limits import LIMITS

INDEX = "model_index.json"
LATENT_FACTOR = 8
"""Pixels per latent cell of every Stable Diffusion autoencoder; ``unet.sample_size`` counts cells."""

WEIGHTED = ("text_encoder", "text_encoder_2", "text_encoder_3", "unet", "transformer", "vae")
STEMS = ("diffusion_pytorch_model", "model")
_VARIANTS = (None, "fp16")
_SPOILED = "Download the folder again."
_UNET_PIPELINES = ("StableDiffusionPipeline", "StableDiffusionInpaintPipeline", "StableDiffusionImg2ImgPipeline")


def folder_card(folder: Path, sidecars: Sequence[Path] = ()) -> Checkpoint:
    """The card of a pipeline folder, with what its ``sidecars`` say; whatever is wrong with it is told on the card."""
    defaults, warning = read_own_defaults(folder / FOLDER_FILE)
    files: tuple[Path, ...] = ()
    identity = Identity("checkpoint")
    precision = ""
    problem: str | None = None
    trouble: Trouble | None = None
    try:
        index = read_json(folder / INDEX)
        identity = _identity(folder, index)
        files, precision = _weights(folder, index)
        _check_small_parts(folder, index)
        problem = unsupported(identity, "diffusers")
        trouble = "unsupported" if problem else None
    except ModelError as error:
        problem, trouble = str(error), "unsupported" if isinstance(error, UnsupportedModel) else "damaged"
    card = _card(folder, identity, files, precision, problem, trouble, defaults, warning)
    return with_sidecars(corrected(card, defaults.prediction, defaults.zero_snr), sidecars)


def _card(
    folder: Path,
    identity: Identity,
    files: tuple[Path, ...],
    precision: str,
    problem: str | None,
    trouble: Trouble | None,
    defaults: OwnDefaults,
    warning: str | None,
) -> Checkpoint:
    tokenizer = folder / "tokenizer"
    return Checkpoint(
        name=folder_name(folder),
        path=folder,
        layout="diffusers",
        kind="checkpoint",
        family=identity.family,
        prediction=identity.prediction,
        zero_snr=identity.zero_snr,
        inpainting=identity.input_channels == 9,
        native_size_px=defaults.size_px or identity.native_size_px,
        precision=precision,
        files=files,
        size_bytes=sum(size_of(file) for file in files),
        problem=problem,
        trouble=trouble,
        warning=warning,
        tokenizer_dir=tokenizer if tokenizer.is_dir() else None,
        defaults=defaults,
        needs_vae=identity.needs_vae,
    )


def folder_name(folder: Path) -> str:
    """The folder's name; within a Hugging Face cache (``models--owner--name/snapshots/<commit>``) the model's."""
    if folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--"):
        return folder.parent.parent.name.split("--")[-1]
    return folder.name


def problem_by_configuration(folder: Path) -> str | None:
    """Why a pipeline cannot be run, as far as its configurations tell without any weights; ``None`` when it can."""
    try:
        return unsupported(_identity(folder, read_json(folder / INDEX)), "diffusers")
    except ModelError as error:
        return str(error)


def index_files(stem: str, variant: str | None) -> tuple[str, str]:
    """The lists of shards that weights may have: diffusers has written the variant of an index in both places."""
    middle = f".{variant}" if variant else ""
    return f"{stem}.safetensors.index{middle}.json", f"{stem}{middle}.safetensors.index.json"


def size_of(file: Path) -> int:
    """Bytes of a file, 0 when it cannot be asked."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


def read_json(file: Path) -> Mapping[str, Any]:
    """A JSON object. Raises `DamagedModel`, naming the file within its folder."""
    shown = "/".join(file.parts[-2:]) if file.name != INDEX else file.name
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DamagedModel(f"{shown} is missing. {_SPOILED}") from None
    except OSError as error:
        raise DamagedModel(f"{shown} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise DamagedModel(f"{shown} is not valid JSON. {_SPOILED}") from error
    if not isinstance(content, dict):
        raise DamagedModel(f"{shown} does not hold a JSON object. {_SPOILED}")
    return content


def _identity(folder: Path, index: Mapping[str, Any]) -> Identity:
    pipeline = str(index.get("_class_name", ""))
    if "transformer" in index:
        return Identity("checkpoint", _transformer_family(folder, pipeline), native_size_px=1024)
    if "unet" not in index:
        raise UnsupportedModel(
            f"It is a {pipeline or 'nameless'} pipeline without a UNet, which the studio cannot run."
        )
    unet = read_json(folder / "unet" / "config.json")
    scheduler = read_json(folder / "scheduler" / "scheduler_config.json")
    family = _unet_family(unet, pipeline)
    prediction: Prediction = "v_prediction" if scheduler.get("prediction_type") == "v_prediction" else "epsilon"
    known = pipeline in _UNET_PIPELINES or pipeline.startswith("StableDiffusionXL")
    channels = unet.get("in_channels")
    side = unet.get("sample_size")
    return Identity(
        "checkpoint",
        family,
        prediction,
        zero_snr=scheduler.get("rescale_betas_zero_snr") is True,
        input_channels=channels if isinstance(channels, int) else 4,
        native_size_px=side * LATENT_FACTOR if _plausible(side) else NATIVE_SIZE_PX.get(family, 512),
        variant=None if known else pipeline or "nameless",
        lacks=tuple(title for part, title in _needed(family).items() if not is_named(index, part)),
        needs_vae=not brings_vae(folder, index),
    )


def _needed(family: Family) -> dict[str, str]:
    parts = {"text_encoder": "the text encoder"}
    return parts | {"text_encoder_2": "the second text encoder"} if family == "sdxl" else parts


def _plausible(side: Any) -> TypeGuard[int]:
    """Whether ``unet.sample_size`` is one number of cells between the smallest and the largest picture."""
    limit = LIMITS["width_px"]
    return type(side) is int and limit.least <= side * LATENT_FACTOR <= limit.most


def _unet_family(unet: Mapping[str, Any], pipeline: str) -> Family:
    width = unet.get("cross_attention_dim")
    if pipeline.startswith("StableDiffusionXL"):
        return "sdxl-refiner" if width == 1280 else "sdxl"
    if isinstance(width, int) and width in (768, 1024):
        return FAMILY_BY_TEXT_WIDTH[width]
    # An architecture of its own: the pipeline is the same, and linear projections came with 2.x.
    return "sd2" if unet.get("use_linear_projection") is True else "sd1"


def _transformer_family(folder: Path, pipeline: str) -> Family:
    if pipeline.startswith("Flux"):
        return "flux"
    if not pipeline.startswith("StableDiffusion3"):
        return "other"
    transformer = read_json(folder / "transformer" / "config.json")
    # 38 layers are SD3.5 large, 384 places SD3.5 medium (their published transformer/config.json).
    newer = transformer.get("num_layers") == 38 or transformer.get("pos_embed_max_size") == 384
    return "sd3.5" if newer else "sd3"


def is_named(index: Mapping[str, Any], part: str) -> bool:
    """Whether the index names the part; ``[null, null]`` says that it was left out on purpose."""
    named = index.get(part)
    return isinstance(named, list) and len(named) == 2 and named[1] is not None


def brings_vae(folder: Path, index: Mapping[str, Any]) -> bool:
    """Whether a pipeline folder has a VAE of its own: one that its index names, in a folder that is there."""
    return is_named(index, "vae") and (folder / "vae").is_dir()


def _weights(folder: Path, index: Mapping[str, Any]) -> tuple[tuple[Path, ...], str]:
    """The weight files of all parts in order of path, and the precision of the diffusion network."""
    files: list[Path] = []
    precision = ""
    named = [part for part in WEIGHTED if is_named(index, part) and (part != "vae" or brings_vae(folder, index))]
    for part in named:
        config = read_json(folder / part / "config.json")
        part_files = _part_files(folder / part)
        headers = [_sound(file) for file in part_files]
        if part in ("unet", "transformer"):
            precision = headers[0].precision
        if part == "unet":
            _check_unet(config, headers)
        files.extend(part_files)
    if not files:
        raise DamagedModel(f"{INDEX} names no part with weights. {_SPOILED}")
    return tuple(sorted(files, key=lambda file: file.relative_to(folder).as_posix())), precision


def _part_files(folder: Path) -> list[Path]:
    """The weights of one part: full precision before half, shards as their index lists them."""
    for variant in _VARIANTS:
        middle = f".{variant}" if variant else ""
        for stem in STEMS:
            for name in index_files(stem, variant):
                if (folder / name).is_file():
                    return _shards(folder, read_json(folder / name))
            if (folder / f"{stem}{middle}.safetensors").is_file():
                return [folder / f"{stem}{middle}.safetensors"]
    if any(folder.glob("*.bin")) or any(folder.glob("*.ckpt")):
        raise UnsupportedModel(f"{folder.name}: {PICKLED}")
    raise DamagedModel(f"{folder.name} holds no weights (a .safetensors file). {_SPOILED}")


def _shards(folder: Path, index: Mapping[str, Any]) -> list[Path]:
    listed = index.get("weight_map")
    names = set(listed.values()) if isinstance(listed, dict) else set()
    if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise DamagedModel(f"The list of weight files in {folder.name} cannot be understood. {_SPOILED}")
    return [folder / name for name in sorted(names)]


def _sound(file: Path) -> Header:
    header = read_header(file)
    if header.problem:
        raise DamagedModel(f"{'/'.join(file.parts[-2:])}: {header.problem}")
    return header


def _check_unet(config: Mapping[str, Any], headers: list[Header]) -> None:
    """A UNet from another checkpoint, put here by mistake, differs from its configuration at the first convolution."""
    shape = next((header.shape("conv_in.weight") for header in headers if "conv_in.weight" in header.tensors), ())
    widths = config.get("block_out_channels")
    wanted = (widths[0], config.get("in_channels", 4)) if isinstance(widths, list) and widths else ()
    if shape[:2] != wanted:
        raise DamagedModel(f"The weights of the UNet do not belong to unet/config.json. {_SPOILED}")


def _check_small_parts(folder: Path, index: Mapping[str, Any]) -> None:
    if is_named(index, "scheduler"):
        read_json(folder / "scheduler" / "scheduler_config.json")
    for part in (part for part in ("tokenizer", "tokenizer_2") if is_named(index, part)):
        whole = (folder / part / "tokenizer.json").is_file()
        if not whole and not all((folder / part / name).is_file() for name in ("vocab.json", "merges.txt")):
            raise DamagedModel(f"{part} holds no vocabulary (vocab.json and merges.txt). {_SPOILED}")
