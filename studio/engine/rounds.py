"""Which pictures share the next network call, and the call itself.

It owns fairness (whoever waited longest goes first, and takes along all that fit) and what "fit" means: the same
weights, the same latent size, the same context length, the same inputs and seams. A sample's answer does not depend on
its neighbours, but it does depend in its last bits on the size of the call, because the libraries block their loops by
it. So a picture that must be exact has calls to itself: the same samples at the same places, whoever else is there.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from studio.engine.placement import Placement
from studio.engine.round_sizes import RoundSizes
from studio.engine.trajectory import Trajectory


class Rounds:
    """The rounds of an engine: who is next, the call, and smaller calls where one did not fit into memory."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._sizes = RoundSizes()

    def next(self, trajectories: Sequence[Trajectory], live_pictures: int) -> list[Trajectory]:
        """Who shares the next call, as `next_round` says, and no more than the memory takes."""
        return next_round(trajectories, live_pictures, self._most_samples)

    def call(self, together: Sequence[Trajectory]) -> list[Tensor]:
        """A round's answers, as `call` gives them; what it took is remembered."""
        kind, cells, most = kind_of(together[0]), _cells(together[0]), self._most_samples(together[0])
        samples = samples_of(together)
        with self._placement.peak() as peak:
            answers = call(together, most)
        self._sizes.went_well(kind, min(samples, most or samples), cells, peak.bytes)
        return answers

    def ran_out(self, together: Sequence[Trajectory]) -> bool:
        """A call did not fit into memory; whether smaller ones may. An exact picture's is never cut: that would show in
        its last bits.
        """
        if together[0].recipe.exact:
            return False
        samples = samples_of(together)
        tried = min(samples, self._most_samples(together[0]) or samples)
        return self._sizes.ran_out(kind_of(together[0]), tried)

    def forget(self) -> None:
        """Memory was given back, so larger calls may fit again."""
        self._sizes.forget()

    def _most_samples(self, trajectory: Trajectory) -> int | None:
        if trajectory.recipe.exact:
            return None
        free_bytes = None if self._placement.on_cpu else self._placement.usable_bytes
        return self._sizes.most(kind_of(trajectory), _cells(trajectory), free_bytes)


def next_round(
    trajectories: Sequence[Trajectory],
    live_pictures: int,
    most_samples: Callable[[Trajectory], int | None] = lambda trajectory: None,
) -> list[Trajectory]:
    """At most ``live_pictures`` trajectories for one call, those that waited longest first; at least one if there are
    any. ``most_samples`` says how many samples a call of that kind may have.
    """
    waiting = sorted(trajectories, key=lambda one: one.served_at)
    if not waiting or waiting[0].alone:
        return waiting[:1]
    wanted = kind_of(waiting[0])
    alike = [one for one in waiting if not one.alone and kind_of(one) == wanted][:live_pictures]
    most = most_samples(waiting[0])
    if most is None:
        return alike
    ends = itertools.accumulate(len(one.contexts) for one in alike)
    return [one for place, (one, end) in enumerate(zip(alike, ends, strict=True)) if end <= most or not place]


def _cells(trajectory: Trajectory) -> int:
    """Latent cells of one sample."""
    return int(trajectory.ask.x[0].numel())


def samples_of(together: Sequence[Trajectory]) -> int:
    """How many samples a round has: a picture brings one for each of its texts."""
    return sum(len(one.contexts) for one in together)


def call(together: Sequence[Trajectory], most_samples: int | None = None) -> list[Tensor]:
    """One network call for a round: for each trajectory its samples' denoised latents, (samples, 4, height / 8, width
    / 8). More samples than ``most_samples`` are done in several calls, one after the other.
    """
    contexts = [one.contexts for one in together]
    counts = [len(mine) for mine in contexts]
    pictures = torch.stack([one.ask.x for one in together])
    x = pictures.repeat_interleave(torch.tensor(counts, device=pictures.device), dim=0, output_size=sum(counts))
    sigmas = [one.ask.sigma for one, count in zip(together, counts, strict=True) for _ in range(count)]
    stacked = torch.stack([context for mine in contexts for context in mine])
    extras = [one.run.extra for one, count in zip(together, counts, strict=True) for _ in range(count)]
    extra = torch.stack([one for one in extras if one is not None]) if extras[0] is not None else None
    denoiser, added = together[0].checkpoint.denoiser, _added(together, stacked)
    size = min(most_samples or len(x), len(x))
    answers = [
        denoiser(
            x[first : first + size],
            sigmas[first : first + size],
            stacked[first : first + size],
            None if extra is None else extra[first : first + size],
            added=None if added is None else {name: rows[first : first + size] for name, rows in added.items()},
            tiling=together[0].recipe.tiling,
        )
        for first in range(0, len(x), size)
    ]
    return list(torch.split(answers[0] if len(answers) == 1 else torch.cat(answers), counts))


def _added(together: Sequence[Trajectory], contexts: Tensor) -> dict[str, Tensor] | None:
    """Stable Diffusion XL's further conditions, a row for each sample."""
    pooled = [vector for one in together for vector in one.pooled]
    if not pooled:
        return None
    sizes = [one.time_ids for one in together for _ in one.pooled]
    return {"text_embeds": torch.stack(pooled), "time_ids": torch.stack(sizes).to(contexts.device, contexts.dtype)}


def kind_of(trajectory: Trajectory) -> tuple[object, ...]:
    """Equal where two pictures may share a call."""
    return (
        id(trajectory.checkpoint),
        tuple(trajectory.ask.x.shape),
        trajectory.conditioning.tokens,
        trajectory.run.extra is None,
        trajectory.recipe.tiling,
    )
