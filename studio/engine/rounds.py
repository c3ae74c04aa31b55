"""Which pictures share the next network call, and the call itself.

It owns fairness (whoever waited longest goes first, and takes along all that fit) and what "fit" means: the same
weights, the same latent size, the same context length, the same inputs and seams. A sample's answer does not depend on
its neighbours, but it does depend in its last bits on the size of the call, because the libraries block their loops by
it. So a picture that must be exact has calls to itself: the same samples at the same places, whoever else is there.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from studio.engine.trajectory import Trajectory


def next_round(trajectories: Sequence[Trajectory], live_pictures: int) -> list[Trajectory]:
    """At most ``live_pictures`` trajectories for one call, those that waited longest first; at least one if there are
    any.
    """
    waiting = sorted(trajectories, key=lambda one: one.served_at)
    if not waiting or waiting[0].alone:
        return waiting[:1]
    wanted = _kind(waiting[0])
    return [one for one in waiting if not one.alone and _kind(one) == wanted][:live_pictures]


def call(together: Sequence[Trajectory]) -> list[Tensor]:
    """One network call for a round: for each trajectory its samples' denoised latents, (samples, 4, height / 8, width
    / 8).
    """
    contexts = [one.contexts for one in together]
    counts = [len(mine) for mine in contexts]
    pictures = torch.stack([one.ask.x for one in together])
    x = pictures.repeat_interleave(torch.tensor(counts, device=pictures.device), dim=0, output_size=sum(counts))
    sigmas = [one.ask.sigma for one, count in zip(together, counts, strict=True) for _ in range(count)]
    stacked = torch.stack([context for mine in contexts for context in mine])
    extras = [one.run.extra for one, count in zip(together, counts, strict=True) for _ in range(count)]
    extra = torch.stack([one for one in extras if one is not None]) if extras[0] is not None else None
    denoiser = together[0].checkpoint.denoiser
    answers = denoiser(x, sigmas, stacked, extra, added=_added(together, stacked), tiling=together[0].recipe.tiling)
    return list(torch.split(answers, counts))


def _added(together: Sequence[Trajectory], contexts: Tensor) -> dict[str, Tensor] | None:
    """Stable Diffusion XL's further conditions, a row for each sample."""
    pooled = [vector for one in together for vector in one.pooled]
    if not pooled:
        return None
    sizes = [one.time_ids for one in together for _ in one.pooled]
    return {"text_embeds": torch.stack(pooled), "time_ids": torch.stack(sizes).to(contexts.device, contexts.dtype)}


def _kind(trajectory: Trajectory) -> tuple[object, ...]:
    return (
        id(trajectory.checkpoint),
        tuple(trajectory.ask.x.shape),
        trajectory.conditioning.tokens,
        trajectory.run.extra is None,
        trajectory.recipe.tiling,
    )
