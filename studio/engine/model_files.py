"""Looks at the files of a checkpoint before anything is loaded: all there, readable, and as long as they say.

A download that broke off is found here, from the headers alone, and named with what to do. It refuses pickled weights,
because reading those can run code. It builds no network. Single files are `single_file`'s, which answers with the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

from studio.errors import DamagedModel, UnsupportedModel
from studio.library.diffusers_folder import brings_vae
from studio.library.header import read_header

Layout = Literal["diffusers", "ldm"]
"""Whose names the weights go by: diffusers' and transformers', or those of the original repositories."""

TEXT_ENCODERS = ("text_encoder", "text_encoder_2")
COMPONENTS = ("text_encoder", "unet", "vae")
"""The parts of a Stable Diffusion 1.x or 2.x folder that hold weights, in the order they are loaded."""
XL_COMPONENTS = ("text_encoder", "text_encoder_2", "unet", "vae")

_REMEDY = "Download it again, or choose another checkpoint."


@dataclass(frozen=True)
class ComponentFiles:
    """One component: what to call it for a person, its configuration, and the files that hold its weights; none where
    those are not the checkpoint's own.
    """

    title: str
    config: Mapping[str, Any]
    weights: tuple[Path, ...]
    parameter_count: int


@dataclass(frozen=True)
class CheckpointFiles:
    """A checkpoint whose files are sound as far as their headers tell. ``tokenizers`` has one folder for each text
    encoder.
    """

    path: Path
    components: Mapping[str, ComponentFiles]
    scheduler: Mapping[str, Any]
    tokenizers: tuple[Path, ...]
    layout: Layout = "diffusers"

    @property
    def parameter_count(self) -> int:
        return sum(component.parameter_count for component in self.components.values())


def inspect_folder(folder: Path) -> CheckpointFiles:
    """The files of a pipeline folder of Stable Diffusion 1.x, 2.x or XL. One without a VAE has none here either.

    Raises:
        DamagedModel: a file is missing, unreadable or cut short; the message names it.
        UnsupportedModel: another kind of pipeline, or pickled weights.
    """
    if not folder.is_dir():
        raise DamagedModel(f"The checkpoint {folder.name} is no longer where it was found. Put it back and try again.")
    index = read_json(folder / "model_index.json")
    kind = str(index.get("_class_name", ""))
    is_xl = kind.startswith("StableDiffusionXL")
    names = [name for name in (XL_COMPONENTS if is_xl else COMPONENTS) if name != "vae" or brings_vae(folder, index)]
    complete = all(_is_there(index, name) for name in names)
    if not kind.startswith("StableDiffusion") or kind.startswith("StableDiffusion3") or not complete:
        raise UnsupportedModel(
            f"{folder.name} is a {kind or 'unknown'} pipeline{'' if complete else ' without all its parts'}; "
            "Stable Diffusion 1.x, 2.x and XL can be run."
        )
    return CheckpointFiles(
        path=folder,
        components={name: _component(folder / name) for name in names},
        scheduler=read_json(folder / "scheduler" / "scheduler_config.json"),
        tokenizers=(folder / "tokenizer", folder / "tokenizer_2") if is_xl else (folder / "tokenizer",),
    )


def _is_there(index: Mapping[str, Any], name: str) -> bool:
    entry = index.get(name)
    return name not in index or (isinstance(entry, list) and bool(entry) and entry[0] is not None)


def read_json(file: Path) -> Mapping[str, Any]:
    """A JSON object from a file of a checkpoint. Raises `DamagedModel`, naming the file."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DamagedModel(f"{_shown(file)} is missing. {_REMEDY}") from None
    except (OSError, ValueError) as error:
        raise DamagedModel(f"{_shown(file)} cannot be read: {error}. {_REMEDY}") from error
    if not isinstance(content, dict):
        raise DamagedModel(f"{_shown(file)} does not hold a JSON object. {_REMEDY}")
    return content


def _component(folder: Path) -> ComponentFiles:
    config = read_json(folder / "config.json")
    weights = _weights(folder)
    count = sum(parameters(file) for file in weights)
    return ComponentFiles(f"{folder.parent.name}/{folder.name}", config, weights, count)


def _weights(folder: Path) -> tuple[Path, ...]:
    """Plain weights before half-precision variants; shards as their index lists them."""
    stems = ("diffusion_pytorch_model", "model")
    for middle in ("", ".fp16"):
        for stem in stems:
            # diffusers writes the variant before the index suffix, earlier versions after it.
            for index in (f"{stem}.safetensors.index{middle}.json", f"{stem}{middle}.safetensors.index.json"):
                if (folder / index).is_file():
                    names = sorted(set(dict(read_json(folder / index).get("weight_map", {})).values()))
                    return tuple(folder / name for name in names)
            single = folder / f"{stem}{middle}.safetensors"
            if single.is_file():
                return (single,)
    if any(folder.glob("*.bin")) or any(folder.glob("*.ckpt")):
        raise UnsupportedModel(
            f"The weights in {_shown(folder)} are pickled, and reading such a file can run code. "
            "Convert them to safetensors, or choose another checkpoint."
        )
    raise DamagedModel(f"{_shown(folder)} holds no weights (a .safetensors file). {_REMEDY}")


def parameters(file: Path) -> int:
    """How many numbers a safetensors file holds, after checking that it is as long as its header says.

    Raises:
        DamagedModel: it is missing, cut short or no such file.
    """
    if not file.exists():
        raise DamagedModel(f"{_shown(file)} is missing. {_REMEDY}")
    header = read_header(file)
    if header.problem:
        raise DamagedModel(f"{_shown(file)} cannot be used. {header.problem}")
    return sum(prod(info.shape) for info in header.tensors.values())


def _shown(file: Path) -> str:
    """A path as far as it helps a person: the last three parts."""
    return "/".join(file.parts[-3:])
