"""The latents' stage: every trained picture encoded once, in several placements.

Owns the latent file and the scale. After it neither pictures nor the encoder are needed to train the UNet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from studio.training.autoencoder import Look
from studio.training.checkpoint_file import read_stage, write_tensors
from studio.training.combinations import Combination, trained_mask
from studio.training.compose import Placement, over, palette, place
from studio.training.device import mixed_precision

PLACEMENTS = 3
PAIRS = 3000
BATCH = 16


@dataclass(frozen=True)
class Latents:
    """Scaled latents, unit deviation.

    `single` (trained, placements, 4, 16, 16) shows `combinations` (trained, 3: subject, style, colour), placement 0
    in the middle; `pair` (pairs, 4, 16, 16) shows `pair_subjects` (pairs, 5: subject, style, subject, style, colour).
    `scale` is the VAE's `scaling_factor`.
    """

    single: Tensor
    combinations: Tensor
    pair: Tensor
    pair_subjects: Tensor
    scale: float

    def combination(self, index: int) -> Combination:
        return Combination(*self.combinations[index].tolist())

    def pair_of(self, index: int) -> tuple[Combination, Combination]:
        subject, style, other, other_style, colour = self.pair_subjects[index].tolist()
        return Combination(subject, style, colour), Combination(other, other_style, colour)


def load_latents(
    out: Path,
    art: Tensor,
    autoencoder: AutoencoderKL,
    report: Callable[[str], None],
    placements: int = PLACEMENTS,
    pairs: int = 0,
    look: Look | None = None,
) -> Latents:
    """The latents of this run: what is not on disk yet is encoded, one file for each placement.

    `look` restyles pictures (batch, 3, 128, 128) in 0..1 before they are encoded.
    """
    singles: list[Tensor] = []
    for turn in range(placements):
        path = out / f"latents-{turn}.safetensors"
        if not path.exists():
            write_tensors(path, {"single": encode_single(art, autoencoder, turn, report, look).half()})
        singles.append(read_stage(path)[0]["single"].float())
    scale = 1 / float(singles[0].std())
    path = out / "latents-pairs.safetensors"
    if pairs and not path.exists():
        pair, shown = encode_pairs(art, autoencoder, pairs, report, look)
        write_tensors(path, {"pair": pair.half(), "pair_subjects": shown})
    found = read_stage(path)[0] if pairs else {"pair": torch.empty(0, 4, 16, 16), "pair_subjects": torch.empty(0, 5)}
    return Latents(
        single=(torch.stack(singles, dim=1) * scale).half(),
        combinations=trained_mask().nonzero(),
        pair=(found["pair"].float() * scale).half(),
        pair_subjects=found["pair_subjects"],
        scale=scale,
    )


@torch.no_grad()
def encode(autoencoder: AutoencoderKL, pictures: Tensor) -> Tensor:
    """Pictures (batch, 3, h, w) in 0..1 to unscaled latents (batch, 4, h / 8, w / 8), the posterior's mean, float32."""
    device = next(autoencoder.parameters()).device
    with mixed_precision(device):
        latents: Tensor = autoencoder.encode(pictures.to(device) * 2 - 1).latent_dist.mean.float().cpu()
    return latents


def encode_single(
    art: Tensor, autoencoder: AutoencoderKL, turn: int, report: Callable[[str], None], look: Look | None = None
) -> Tensor:
    """Every trained combination once, unscaled latents (trained, 4, 16, 16): in the middle at turn 0, else where
    chance puts it.
    """
    combinations = trained_mask().nonzero()
    generator = torch.Generator().manual_seed(7 + turn)
    parts: list[Tensor] = []
    for rows in torch.split(combinations, BATCH):
        placement = Placement.random(len(rows), generator) if turn else Placement.central(len(rows))
        pictures = over(place(art[rows[:, 0], rows[:, 1]], placement), palette()[rows[:, 2]])
        parts.append(encode(autoencoder, look(pictures) if look else pictures))
        if len(parts) % 50 == 0:
            report(f"latents: placement {turn}, {len(parts) * BATCH} of {len(combinations)}")
    return torch.cat(parts)


def encode_pairs(
    art: Tensor, autoencoder: AutoencoderKL, pairs: int, report: Callable[[str], None], look: Look | None = None
) -> tuple[Tensor, Tensor]:
    """Unscaled latents (pairs, 4, 16, 16) of two subjects side by side, and what they show (pairs, 5)."""
    mask = trained_mask()
    generator = torch.Generator().manual_seed(8)
    allowed = mask.nonzero()
    left = allowed[torch.randint(len(allowed), (pairs * 2,), generator=generator)]
    right = torch.randint(len(allowed), (pairs * 2,), generator=generator)
    right_subject, right_style = allowed[right, 0], allowed[right, 1]
    # Neither side may show a held-out combination, although the two share one background.
    kept = (mask[right_subject, right_style, left[:, 2]] & (right_subject != left[:, 0])).nonzero()[:pairs, 0]
    shown = torch.stack([left[:, 0], left[:, 1], right_subject, right_style, left[:, 2]], dim=1)[kept]
    parts = []
    for rows in torch.split(shown, BATCH):
        pictures = compose_pair(art, rows, generator)
        parts.append(encode(autoencoder, look(pictures) if look else pictures))
    report(f"latents: {len(shown)} pairs")
    return torch.cat(parts), shown


def compose_pair(art: Tensor, rows: Tensor, generator: torch.Generator) -> Tensor:
    """Two subjects side by side, (batch, 3, 128, 128) in 0..1, for rows of (subject, style, subject, style, colour)."""
    count = len(rows)
    picture = palette()[rows[:, 4]]
    for side, x in ((0, -0.5), (1, 0.5)):
        shift = torch.rand(count, 2, generator=generator) * 0.04 - 0.02
        shift[:, 0] += x
        scale = 0.44 + 0.03 * torch.rand(count, generator=generator)
        layer = place(art[rows[:, side * 2], rows[:, side * 2 + 1]], Placement(scale, shift))
        picture = over(layer, picture)
    return picture
