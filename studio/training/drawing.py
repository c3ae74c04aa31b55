"""Drawing with a checkpoint while it is judged: diffusers' own pipelines, so that the judge is not the studio itself.

Owns how evaluation asks for pictures: size, steps, guidance, one seed per picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline, StableDiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from PIL import Image
from torch import Tensor
from transformers.utils import logging as transformers_logging

from studio.training.errors import CheckpointUnreadable

STEPS = 20
GUIDANCE = 4.0
SIZE_PX = 128


def load_pipeline(folder: Path, device: str = "cpu") -> StableDiffusionPipeline:
    """The checkpoint as anyone would load it, float32. Raises CheckpointUnreadable."""
    if not (folder / "model_index.json").exists():
        raise CheckpointUnreadable(folder, "it holds no model_index.json")
    with quiet():
        try:
            pipeline = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True).to(device, torch.float32)
        except (OSError, ValueError, RuntimeError) as error:
            raise CheckpointUnreadable(folder, str(error).splitlines()[0]) from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' loading notes and bars out of the progress lines."""
    levels = [library.get_verbosity() for library in (diffusers_logging, transformers_logging)]
    for library in (diffusers_logging, transformers_logging):
        library.set_verbosity_error()
        library.disable_progress_bar()
    try:
        yield
    finally:
        for library, level in zip((diffusers_logging, transformers_logging), levels, strict=True):
            library.set_verbosity(level)
            library.enable_progress_bar()


def draw(pipeline: StableDiffusionPipeline, captions: list[str], seeds: list[int], steps: int = STEPS) -> Tensor:
    """One picture per caption and seed, (batch, 3, 128, 128) in 0..1, float32."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    answer = pipeline(
        captions,
        height=SIZE_PX,
        width=SIZE_PX,
        num_inference_steps=steps,
        guidance_scale=GUIDANCE,
        generator=generators,
        output_type="pt",
    )
    pictures: Tensor = answer.images
    return pictures.float().cpu()


def redraw(
    pipeline: StableDiffusionPipeline, caption: str, source: Image.Image, strength: float, seed: int
) -> Image.Image:
    """The source picture drawn again as the caption says; `strength` is the denoising strength."""
    other = StableDiffusionImg2ImgPipeline(**pipeline.components, requires_safety_checker=False)
    other.set_progress_bar_config(disable=True)
    picture: Image.Image = other(
        caption,
        image=source,
        strength=strength,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        generator=torch.Generator().manual_seed(seed),
    ).images[0]
    return picture


def fill(
    pipeline: StableDiffusionPipeline, caption: str, source: Image.Image, mask: Image.Image, seed: int
) -> Image.Image:
    """The white part of the mask drawn anew as the caption says."""
    other = StableDiffusionInpaintPipeline(**pipeline.components, requires_safety_checker=False)
    other.set_progress_bar_config(disable=True)
    picture: Image.Image = other(
        caption,
        image=source,
        mask_image=mask,
        height=source.height,
        width=source.width,
        strength=1.0,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        generator=torch.Generator().manual_seed(seed),
    ).images[0]
    return picture


def to_image(picture: Tensor) -> Image.Image:
    """(3, h, w) in 0..1 as an 8-bit picture."""
    pixels = (picture.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous()
    return Image.frombytes("RGB", (pixels.shape[1], pixels.shape[0]), bytes(pixels.flatten().tolist()))
