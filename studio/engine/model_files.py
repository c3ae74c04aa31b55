"""Looks at the files of a diffusers folder before anything is loaded: all there, readable, and as long as they say.

A download that broke off is found here, from the headers alone, and named with what to do. It refuses pickled weights,
because reading those can run code. It builds no network.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.errors import DamagedModel, UnsupportedModel

COMPONENTS = ("text_encoder", "unet", "vae")
"""The parts of a Stable Diffusion 1.x or 2.x folder that hold weights, in the order they are loaded."""

_REMEDY = "Download it again, or choose another checkpoint."
_MOST_HEADER_BYTES = 100_000_000  # safetensors' own limit, safetensors/src/tensor.rs


@dataclass(frozen=True)
class ComponentFiles:
    """One component: its configuration, its weight files, and diffusers' name of the variant (``"fp16"``) if it is
    one.
    """

    folder: Path
    config: Mapping[str, Any]
    weights: tuple[Path, ...]
    variant: str | None
    parameter_count: int


@dataclass(frozen=True)
class CheckpointFiles:
    """A diffusers folder whose files are sound as far as their headers tell."""

    folder: Path
    components: Mapping[str, ComponentFiles]
    scheduler: Mapping[str, Any]
    tokenizer: Path

    @property
    def parameter_count(self) -> int:
        return sum(component.parameter_count for component in self.components.values())


def inspect_folder(folder: Path) -> CheckpointFiles:
    """The files of a Stable Diffusion 1.x or 2.x pipeline folder.

    Raises:
        DamagedModel: a file is missing, unreadable or cut short; the message names it.
        UnsupportedModel: another kind of pipeline, pickled weights, or a single file.
    """
    if folder.is_file():
        raise UnsupportedModel(
            f"{folder.name} is a single-file checkpoint, which this version lists but cannot run yet. "
            "Convert it to a diffusers folder, or choose another checkpoint."
        )
    if not folder.is_dir():
        raise DamagedModel(f"The checkpoint {folder.name} is no longer where it was found. Put it back and try again.")
    index = read_json(folder / "model_index.json")
    kind = str(index.get("_class_name", ""))
    if not kind.startswith("StableDiffusion") or "text_encoder_2" in index or kind.startswith("StableDiffusion3"):
        raise UnsupportedModel(
            f"{folder.name} is a {kind or 'unknown'} pipeline; Stable Diffusion 1.x and 2.x can be run."
        )
    return CheckpointFiles(
        folder=folder,
        components={name: _component(folder / name) for name in COMPONENTS},
        scheduler=read_json(folder / "scheduler" / "scheduler_config.json"),
        tokenizer=folder / "tokenizer",
    )


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
    variant, weights = _weights(folder)
    count = sum(_parameters(file) for file in weights)
    return ComponentFiles(folder, config, weights, variant, count)


def _weights(folder: Path) -> tuple[str | None, tuple[Path, ...]]:
    """Plain weights before half-precision variants; shards as their index lists them."""
    stems = ("diffusion_pytorch_model", "model")
    for variant in (None, "fp16"):
        middle = f".{variant}" if variant else ""
        for stem in stems:
            # diffusers writes the variant before the index suffix, earlier versions after it.
            for index in (f"{stem}.safetensors.index{middle}.json", f"{stem}{middle}.safetensors.index.json"):
                if (folder / index).is_file():
                    names = sorted(set(dict(read_json(folder / index).get("weight_map", {})).values()))
                    return variant, tuple(folder / name for name in names)
            single = folder / f"{stem}{middle}.safetensors"
            if single.is_file():
                return variant, (single,)
    if any(folder.glob("*.bin")) or any(folder.glob("*.ckpt")):
        raise UnsupportedModel(
            f"The weights in {_shown(folder)} are pickled, and reading such a file can run code. "
            "Convert them to safetensors, or choose another checkpoint."
        )
    raise DamagedModel(f"{_shown(folder)} holds no weights (a .safetensors file). {_REMEDY}")


def _parameters(file: Path) -> int:
    """How many numbers a safetensors file holds, after checking that it is as long as its header says."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            start = stream.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else _MOST_HEADER_BYTES + 1
            if length > min(_MOST_HEADER_BYTES, size):
                raise DamagedModel(f"{_shown(file)} is cut short or not a safetensors file. {_REMEDY}")
            header = json.loads(stream.read(length))
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        end = 8 + length + max((int(entry["data_offsets"][1]) for entry in tensors.values()), default=0)
        if size != end:
            raise DamagedModel(f"{_shown(file)} is cut short: {size:,} of {end:,} bytes are there. {_REMEDY}")
        return sum(_product(entry["shape"]) for entry in tensors.values())
    except FileNotFoundError:
        raise DamagedModel(f"{_shown(file)} is missing. {_REMEDY}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedModel(f"{_shown(file)} cannot be read: {error}. {_REMEDY}") from error


def _product(shape: list[int]) -> int:
    count = 1
    for side in shape:
        count *= int(side)
    return count


def _shown(file: Path) -> str:
    """A path as far as it helps a person: the last three parts."""
    return "/".join(file.parts[-3:])
