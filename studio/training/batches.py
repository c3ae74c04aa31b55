"""Random batches of latents with a caption for each. Owns the mixture: singles, pairs, and captions left empty."""

from __future__ import annotations

from random import Random

import torch
from torch import Tensor

from studio.training.captions import caption, pair_caption
from studio.training.latents import Latents

# Guidance needs an answer to the empty caption (Ho and Salimans 2022, algorithm 1).
CAPTION_DROPOUT = 0.1


def captioned_batch(
    latents: Latents,
    step: int,
    generator: torch.Generator,
    batch: int,
    pair_share: float,
    dropout: float = CAPTION_DROPOUT,
) -> tuple[Tensor, Tensor, list[str]]:
    """Random latents, the same pictures placed in the middle (both (batch, 4, 16, 16), float32), and their captions,
    some empty.
    """
    random = Random(step * 7919 + 13)
    pairs = int(pair_share * batch + random.random()) if len(latents.pair) else 0
    index = torch.randint(len(latents.single), (batch - pairs,), generator=generator)
    turn = torch.randint(latents.single.shape[1], (batch - pairs,), generator=generator)
    pair_index = torch.randint(max(len(latents.pair), 1), (pairs,), generator=generator)
    captions = [caption(latents.combination(i), random) for i in index.tolist()]
    captions += [pair_caption(*latents.pair_of(i), random) for i in pair_index.tolist()]
    captions = ["" if random.random() < dropout else text for text in captions]
    chosen = torch.cat([latents.single[index, turn], latents.pair[pair_index]]).float()
    central = torch.cat([latents.single[index, 0], latents.pair[pair_index]]).float()
    # Singles and pairs must not keep to their own strata of timesteps.
    order = torch.randperm(batch, generator=generator)
    return chosen[order], central[order], [captions[i] for i in order.tolist()]
