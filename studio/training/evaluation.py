"""How good a checkpoint is, in figures that can fail.

Owns the measurements over the 200 combinations that training never saw. It reads the exported folder alone (and the
artwork to compare with), so it judges what is shipped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from torch import Tensor

from studio.training.autoencoder import Look
from studio.training.combinations import Combination, held_out
from studio.training.compose import Placement, over, palette, place
from studio.training.drawing import draw, load_pipeline
from studio.training.features import ArtworkIndex, background_of, nearest_colour

BATCH = 10
DIVERSITY_CAPTIONS = 8
DIVERSITY_SEEDS = 4


@dataclass(frozen=True)
class Figures:
    """What was measured. Shares are 0..1, `diversity` is the mean difference between two seeds in 8-bit levels."""

    pictures: int
    reconstruction_psnr_db: float
    colour_accuracy: float
    style_accuracy: float
    subject_top1: float
    subject_top5: float
    diversity: float
    diversity_of_artwork: float
    seconds_per_picture: float
    threads: int
    load: float

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True)
class Evaluation:
    """The figures, and the pictures (count, 3, 128, 128) in 0..1 they were taken from: combination i is drawn with
    seed i.
    """

    figures: Figures
    combinations: tuple[Combination, ...]
    pictures: Tensor


def evaluate_checkpoint(
    folder: Path,
    art: Tensor,
    report: Callable[[str], None],
    count: int | None = None,
    device: str = "cpu",
    look: Look | None = None,
) -> Evaluation:
    """Draw the first `count` held-out combinations (all 200 without it) and measure. Raises CheckpointUnreadable."""
    pipeline = load_pipeline(folder, device)
    combinations = held_out()[:count]
    parts: list[Tensor] = []
    for start in range(0, len(combinations), BATCH):
        part = combinations[start : start + BATCH]
        parts.append(draw(pipeline, [item.caption for item in part], list(range(start, start + len(part)))))
        report(f"evaluation: {start + len(part)} of {len(combinations)} pictures")
    pictures = torch.cat(parts)
    seconds, load = seconds_per_picture(pipeline)
    wanted = _columns(combinations)
    match = ArtworkIndex(art, look).match(pictures)
    place_of = (match.ranking == wanted[0][:, None]).long().argmax(dim=1)
    figures = Figures(
        pictures=len(combinations),
        reconstruction_psnr_db=reconstruction_psnr(pipeline.vae, compositions(art, combinations, look=look)),
        colour_accuracy=_share(nearest_colour(background_of(pictures), look) == wanted[2]),
        style_accuracy=_share(match.style == wanted[1]),
        subject_top1=_share(place_of == 0),
        subject_top5=_share(place_of < 5),
        diversity=diversity(pipeline, combinations),
        diversity_of_artwork=artwork_diversity(art, combinations),
        seconds_per_picture=seconds,
        threads=torch.get_num_threads(),
        load=load,
    )
    return Evaluation(figures, combinations, pictures)


def compositions(
    art: Tensor, combinations: tuple[Combination, ...], seed: int = 11, look: Look | None = None
) -> Tensor:
    """The combinations as they are composed, randomly placed, (count, 3, 128, 128) in 0..1."""
    subject, style, colour = _columns(combinations)
    generator = torch.Generator().manual_seed(seed)
    pictures = over(place(art[subject, style], Placement.random(len(subject), generator)), palette()[colour])
    return pictures if look is None else look(pictures)


@torch.no_grad()
def reconstruction_psnr(autoencoder: AutoencoderKL, pictures: Tensor) -> float:
    """Mean peak signal-to-noise ratio in dB of pictures (count, 3, h, w) in 0..1 through the latents; the peak is 1."""
    device = next(autoencoder.parameters()).device
    ratios: list[Tensor] = []
    for batch in torch.split(pictures, BATCH):
        latents = autoencoder.encode(batch.to(device) * 2 - 1).latent_dist.mean
        decoded = (autoencoder.decode(latents).sample.cpu() / 2 + 0.5).clamp(0, 1)
        ratios.append(-10 * torch.log10((decoded - batch).square().mean(dim=(1, 2, 3))))
    return float(torch.cat(ratios).mean())


def diversity(pipeline: StableDiffusionPipeline, combinations: tuple[Combination, ...]) -> float:
    """Mean absolute difference, in 8-bit levels, between two seeds of the same caption."""
    captions = [item.caption for item in combinations[:DIVERSITY_CAPTIONS]]
    drawn = torch.stack([draw(pipeline, captions, [1000 + seed] * len(captions)) for seed in range(DIVERSITY_SEEDS)])
    return _spread(drawn)


def artwork_diversity(art: Tensor, combinations: tuple[Combination, ...]) -> float:
    """The same figure between random placements of the artwork: what a perfect learner would show."""
    some = combinations[:DIVERSITY_CAPTIONS]
    return _spread(torch.stack([compositions(art, some, seed) for seed in range(DIVERSITY_SEEDS)]))


def seconds_per_picture(pipeline: StableDiffusionPipeline) -> tuple[float, float]:
    """Wall time of one picture (20 steps, guidance 4), the best of three, and the machine's load meanwhile."""
    times = []
    for seed in range(3):
        started = time.perf_counter()
        draw(pipeline, ["3d cat face on a blue background"], [seed])
        times.append(time.perf_counter() - started)
    return min(times), os.getloadavg()[0]


def _columns(combinations: tuple[Combination, ...]) -> tuple[Tensor, Tensor, Tensor]:
    rows = torch.tensor([[item.subject, item.style, item.colour] for item in combinations])
    return rows[:, 0], rows[:, 1], rows[:, 2]


def _share(hits: Tensor) -> float:
    return float(hits.float().mean())


def _spread(pictures: Tensor) -> float:
    """Mean absolute difference in 8-bit levels over all pairs of the first axis, (seeds, captions, 3, h, w)."""
    pairs = [(pictures[a] - pictures[b]).abs().mean() for a in range(len(pictures)) for b in range(a)]
    return float(torch.stack(pairs).mean()) * 255
