"""Checkpoints of random weights in a family's real size, for measuring without anybody's models.

They are diffusers folders, with the tokenizers and configurations that ship; their pictures are noise. It owns the
making of them and that they go afterwards.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import save_file

from studio.engine.chassis import network_without_weights
from studio.errors import InvalidField
from studio.library.families import family_folder

MADE = ("sd1", "sd2", "sdxl")
PRECISIONS = {"fp16": torch.float16, "fp32": torch.float32}


@contextmanager
def made_checkpoints(family: str, precision: str = "fp16") -> Iterator[tuple[Path, Path]]:
    """Two checkpoints of a family's real size with random weights, in a folder that goes afterwards.

    Raises:
        InvalidField: a family that has no configuration here, or a precision that there is not.
    """
    if precision not in PRECISIONS:
        raise InvalidField("precision", f"there is no {precision!r}", ", ".join(PRECISIONS))
    folder = family_folder(family) if family in MADE else None  # type: ignore[arg-type]
    if folder is None:
        raise InvalidField("made", f"there is no {family!r} to make", ", ".join(MADE))
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as place:
        paths = Path(place) / "first", Path(place) / "second"
        # The folders' tokenizers leave their vocabulary to one that lies beside all of them.
        shutil.copytree(folder.parent / "tokenizer", Path(place) / "tokenizer")
        for seed, path in enumerate(paths):
            _make(folder, path, seed, PRECISIONS[precision])
        yield paths


def _make(folder: Path, path: Path, seed: int, dtype: torch.dtype) -> None:
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    names = [name for name in ("text_encoder", "text_encoder_2", "unet", "vae") if (folder / name).is_dir()]
    configs = {name: json.loads((folder / name / "config.json").read_text(encoding="utf-8")) for name in names}
    generator = torch.Generator().manual_seed(seed)
    for name, config in configs.items():
        network = network_without_weights(name, config, name)
        shapes = {key: parameter.shape for key, parameter in network.named_parameters()}
        (path / name).mkdir(parents=True)
        (path / name / "config.json").write_text(json.dumps(config), encoding="utf-8")
        tensors = {
            key: torch.rand(shape, generator=generator).sub_(0.5).mul_(0.1).to(dtype) for key, shape in shapes.items()
        }
        stem = "model" if name.startswith("text") else "diffusion_pytorch_model"
        save_file(tensors, path / name / f"{stem}.safetensors", {"format": "pt"})
    for name in ("scheduler", "tokenizer", "tokenizer_2"):
        if (folder / name).is_dir():
            (path / name).mkdir()
            for file in (folder / name).iterdir():
                (path / name / file.name).write_bytes(file.read_bytes())
    (path / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
