"""A damaged or foreign folder is recognised from its headers, and the sentence names the file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from studio.engine.load import inspect_checkpoint
from studio.engine.model_files import inspect_folder
from studio.errors import DamagedModel, UnsupportedModel
from tests.toys import toy_checkpoint


@pytest.fixture
def copy(toy: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy, tmp_path / "copy"))


def test_a_sound_folder(toy: Path) -> None:
    files = inspect_folder(toy)
    tensors = [tensor for part in ("unet", "vae", "text_encoder") for tensor in _tensors(toy / part).values()]
    assert files.parameter_count == sum(tensor.numel() for tensor in tensors)
    assert all(part.weights[0].name.endswith("model.safetensors") for part in files.components.values())


def test_half_precision_files_are_taken_when_there_are_no_others(tmp_path: Path) -> None:
    files = inspect_folder(toy_checkpoint(tmp_path / "half", size_px=64, fp16=True))
    assert all(part.weights[0].name.endswith(".fp16.safetensors") for part in files.components.values())


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("truncated", "unet/diffusion_pytorch_model.safetensors cannot be used. The file is cut short: "),
        ("empty", "unet/diffusion_pytorch_model.safetensors cannot be used. The file is empty"),
        ("missing_unet", "unet holds no weights"),
        ("missing_vae_config", "vae/config.json is missing"),
        ("bad_json", "model_index.json cannot be read"),
    ],
)
def test_a_spoilt_folder_is_named_with_what_to_do(tmp_path: Path, spoil: Any, words: str) -> None:
    folder = toy_checkpoint(tmp_path / "spoilt", size_px=64, broken=spoil)
    with pytest.raises(DamagedModel, match="Download it again") as caught:
        inspect_folder(folder)
    assert words in str(caught.value)


def test_not_safetensors_at_all(copy: Path) -> None:
    (copy / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"<html>404 Not Found</html>" * 99)
    with pytest.raises(DamagedModel, match="not a safetensors file"):
        inspect_folder(copy)


def test_a_missing_shard_is_named(copy: Path) -> None:
    weights = copy / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    names = sorted(tensors)
    halves = {"one.safetensors": names[::2], "two.safetensors": names[1::2]}
    for file, part in halves.items():
        save_file({name: tensors[name] for name in part}, copy / "unet" / file)
    weights.unlink()
    index = {"metadata": {}, "weight_map": {name: file for file, part in halves.items() for name in part}}
    (copy / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    assert len(inspect_folder(copy).components["unet"].weights) == 2
    (copy / "unet" / "two.safetensors").unlink()
    with pytest.raises(DamagedModel, match=r"unet/two\.safetensors is missing"):
        inspect_folder(copy)


def test_pickled_weights_are_refused(copy: Path) -> None:
    weights = copy / "vae" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(UnsupportedModel, match="can run code"):
        inspect_folder(copy)


def test_other_pipelines_and_empty_files_are_refused(copy: Path, tmp_path: Path) -> None:
    (copy / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    with pytest.raises(UnsupportedModel, match="FluxPipeline"):
        inspect_folder(copy)
    single = tmp_path / "model.safetensors"
    single.write_bytes(b"")
    with pytest.raises(DamagedModel, match="The file is empty"):
        inspect_checkpoint(single)
    with pytest.raises(DamagedModel, match="no longer where it was"):
        inspect_folder(tmp_path / "gone")


def _tensors(folder: Path) -> dict[str, Any]:
    return load_file(next(folder.glob("*.safetensors")))
