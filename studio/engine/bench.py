"""What the engine costs beside a plain diffusers call, and what sharing calls saves: measured in one run.

Same weights, size, steps, prompts, guidance and device; the two ways take turns, so that whatever else the machine does
hits both. It owns the comparison of the computing alone; queue, HTTP and saving are added by whoever has them.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline

from studio.engine.build import create_engine
from studio.engine.load import inspect_checkpoint
from studio.engine.placement import Placement, choose_placement
from studio.engine.step_engine import StepEngine
from studio.errors import StudioError
from studio.recipe import Emphasis, Mode, NoiseDevice, ResolvedRecipe
from studio.recipe.events import PictureDone, PictureFailed, PictureOrder

TOGETHER = 4


@dataclass(frozen=True)
class OverheadReport:
    """Medians over ``repeats`` runs, in seconds: one picture by diffusers, one by the engine, `TOGETHER` by the
    engine at once.
    """

    steps: int
    size_px: int
    repeats: int
    device: str
    plain_s: float
    engine_s: float
    together_s: float

    @property
    def ratio(self) -> float:
        """The engine's time for one picture in diffusers' times: 1.1 is 10% more."""
        return self.engine_s / self.plain_s

    @property
    def together_ratio(self) -> float:
        """The time of `TOGETHER` pictures at once in times of one: below `TOGETHER` is a gain."""
        return self.together_s / self.engine_s


def bench_overhead(
    checkpoint: Path, steps: int = 20, size_px: int | None = None, repeats: int = 5, device: str = "auto"
) -> OverheadReport:
    """Compare the engine with ``StableDiffusionPipeline`` on a diffusers folder; ``size_px`` None takes its native
    size.

    Loading is left out on both sides, and each way makes one picture to warm up.

    Raises:
        StudioError: the checkpoint or the device cannot be used, or a picture failed.
    """
    inspect_checkpoint(checkpoint)
    placement = choose_placement(device)
    engine = create_engine(device)
    pipeline = plain_pipeline(checkpoint, placement)
    side_px = size_px or int(pipeline.unet.config["sample_size"]) * 8
    recipe = bench_recipe(steps, side_px)
    plain, alone, together = [], [], []
    for _ in range(repeats + 1):
        plain.append(timed_plain(pipeline, recipe, placement))
        alone.append(_timed_engine(engine, checkpoint, recipe, 1))
        together.append(_timed_engine(engine, checkpoint, recipe, TOGETHER))
    engine.close()
    medians = [statistics.median(times[1:]) for times in (plain, alone, together)]
    return OverheadReport(steps, side_px, repeats, placement.name, *medians)


def bench_recipe(steps: int, side_px: int) -> ResolvedRecipe:
    """The recipe that is measured: Euler at guidance 7, as plain as the two ways allow."""
    return ResolvedRecipe(
        mode=Mode.TEXT,
        prompt="cat face on a blue background",
        negative_prompt="",
        checkpoint="bench",
        checkpoint_sha256="",
        family="sd1",
        sampler="Euler",
        schedule="uniform",
        steps=steps,
        guidance_scale=7.0,
        seed=1,
        variation_seed=0,
        variation_strength=0.0,
        seed_resize_width_px=0,
        seed_resize_height_px=0,
        width_px=side_px,
        height_px=side_px,
        clip_skip=1,
        eta=0.0,
        eta_noise_seed_delta=0,
        emphasis=Emphasis.ORIGINAL,
        noise=NoiseDevice.CPU,
        exact=False,
    )


def plain_pipeline(checkpoint: Path, placement: Placement) -> Any:
    """diffusers' own pipeline on the same weights, device and dtype, with its Euler scheduler."""
    pipeline = StableDiffusionPipeline.from_pretrained(checkpoint, local_files_only=True)
    pipeline.scheduler = EulerDiscreteScheduler.from_config(pipeline.scheduler.config, timestep_spacing="linspace")
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(placement.device, placement.dtype)


def timed_plain(pipeline: Any, recipe: ResolvedRecipe, placement: Placement) -> float:
    """Seconds that one picture by diffusers takes, the device awaited."""
    start = time.perf_counter()
    with torch.inference_mode():
        pipeline(
            recipe.prompt,
            num_inference_steps=recipe.steps,
            guidance_scale=recipe.guidance_scale,
            width=recipe.width_px,
            height=recipe.height_px,
            generator=torch.Generator().manual_seed(recipe.seed),
        )
    placement.synchronize()
    return time.perf_counter() - start


def _timed_engine(engine: StepEngine, checkpoint: Path, recipe: ResolvedRecipe, count: int) -> float:
    for index in range(count):
        engine.submit(PictureOrder("bench", index, recipe.for_picture(index), checkpoint))
    start, done = time.perf_counter(), 0
    while not engine.idle:
        for event in engine.step():
            if isinstance(event, PictureFailed):
                raise StudioError(event.reason)
            done += isinstance(event, PictureDone)
    assert done == count
    return time.perf_counter() - start
