"""Loading in stages, and refusing what diffusers would load with random weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.engine.load import LoadedCheckpoint, load_checkpoint
from studio.engine.placement import Placement, choose_placement
from studio.errors import DamagedModel, SetupError, UnsupportedModel
from tests.engine.conftest import CPU, finished
from tests.toys import toy_checkpoint


@pytest.fixture
def copy(toy: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy, tmp_path / "copy"))


def test_stages_rise_and_weights_are_those_of_the_file(toy: Path, loaded: LoadedCheckpoint) -> None:
    fractions = list(load_checkpoint(toy, CPU))
    assert fractions[0] == 0 and fractions == sorted(set(fractions)) and fractions[-1] < 1
    stored = load_file(toy / "unet" / "diffusion_pytorch_model.safetensors")
    for name, parameter in loaded.denoiser.unet.named_parameters():
        assert torch.equal(parameter, stored[name])
        assert not parameter.requires_grad
    assert loaded.size_bytes >= 4 * sum(tensor.numel() for tensor in stored.values())


def test_half_precision_files_run_in_the_dtype_of_the_placement(tmp_path: Path) -> None:
    folder = toy_checkpoint(tmp_path / "half", size_px=64, fp16=True)
    half = Placement(torch.device("cpu"), torch.float16)
    for placement in (CPU, half):
        dtypes = {
            parameter.dtype for parameter in finished(load_checkpoint(folder, placement)).denoiser.unet.parameters()
        }
        assert dtypes == {placement.dtype}


def test_missing_weights_are_not_filled_with_random_numbers(copy: Path) -> None:
    for part, stem in (("vae", "diffusion_pytorch_model"), ("text_encoder", "model")):
        file = copy / part / f"{stem}.safetensors"
        tensors = load_file(file)
        gone = sorted(tensors)[0]
        kept = {name: tensor for name, tensor in tensors.items() if name != gone}
        save_file(kept, file, metadata={"format": "pt"})
        with pytest.raises(DamagedModel, match=f"{part} does not fit its configuration: 1 weights are missing"):
            finished(load_checkpoint(copy, CPU))
        save_file(tensors, file, metadata={"format": "pt"})
    finished(load_checkpoint(copy, CPU))


def test_weights_of_another_shape_are_refused(copy: Path) -> None:
    config = json.loads((copy / "vae" / "config.json").read_text())
    (copy / "vae" / "config.json").write_text(json.dumps({**config, "block_out_channels": [8, 8, 16, 32]}))
    with pytest.raises(DamagedModel, match="vae"):
        finished(load_checkpoint(copy, CPU))


def test_an_unknown_prediction_is_refused_and_an_inpainting_network_is_known(copy: Path, tmp_path: Path) -> None:
    config = json.loads((copy / "scheduler" / "scheduler_config.json").read_text())
    (copy / "scheduler" / "scheduler_config.json").write_text(json.dumps({**config, "prediction_type": "sample"}))
    with pytest.raises(UnsupportedModel, match="'sample'"):
        finished(load_checkpoint(copy, CPU))
    inpainting = toy_checkpoint(tmp_path / "inpainting", size_px=64, inpainting=True)
    assert finished(load_checkpoint(inpainting, CPU)).input_channels == 9


def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert choose_placement("auto") == choose_placement("cpu") == CPU
    with pytest.raises(SetupError, match="no GPU is visible"):
        choose_placement("cuda:1")
    assert CPU.total_bytes > CPU.used_bytes > 0
    assert CPU.name
