"""The toys must be what they claim: loadable by diffusers, deterministic, sane, and sensitive to the prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file

from tests.toys import toy_checkpoint, toy_vocabulary


def latents(folder: Path, prompt: str, **options: Any) -> torch.Tensor:
    pipeline = StableDiffusionPipeline.from_pretrained(folder, **options)
    pipeline.to(torch.float32).set_progress_bar_config(disable=True)  # half-precision text encoders load as they are
    noise = torch.Generator().manual_seed(3)
    result: torch.Tensor = pipeline(prompt, num_inference_steps=8, generator=noise, output_type="latent").images
    return result


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_a_toy_loads_and_follows_its_prompt(tmp_path: Path, prediction: Any) -> None:
    folder = toy_checkpoint(tmp_path / "toy", prediction=prediction, family="sd1" if prediction == "epsilon" else "sd2")
    cat, dog = latents(folder, "a red cat"), latents(folder, "the blue dog on a green background")
    assert cat.shape == (1, 4, 16, 16)
    assert 0.3 < float(cat.std()) < 8
    assert float((cat - dog).abs().mean()) > 0.02
    assert torch.equal(cat, latents(folder, "a red cat"))


def test_the_half_precision_variant_loads(tmp_path: Path) -> None:
    folder = toy_checkpoint(tmp_path / "toy", fp16=True)
    assert sorted(file.name for file in folder.rglob("*.safetensors")) == [
        "diffusion_pytorch_model.fp16.safetensors",
        "diffusion_pytorch_model.fp16.safetensors",
        "model.fp16.safetensors",
    ]
    weights = load_file(folder / "unet" / "diffusion_pytorch_model.fp16.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16}
    assert latents(folder, "a cat", variant="fp16").isfinite().all()


def test_seeds_make_different_toys_and_the_same_seed_the_same(tmp_path: Path) -> None:
    def weights(name: str, seed: int) -> bytes:
        folder = toy_checkpoint(tmp_path / name, seed=seed)
        return (folder / "unet" / "diffusion_pytorch_model.safetensors").read_bytes()

    assert weights("first", 1) == weights("again", 1) != weights("other", 2)


def test_the_vocabulary_counts_as_clip_does() -> None:
    vocabulary, merges = toy_vocabulary()
    assert len(vocabulary) == 512 + len(merges) + 2
    assert vocabulary["!"] == 0 and vocabulary["!</w>"] == 256  # the first entries of CLIP's own table
    assert vocabulary["<|endoftext|>"] == len(vocabulary) - 1
