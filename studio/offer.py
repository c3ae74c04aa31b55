"""What this studio has to offer a recipe: its checkpoints, and the samplers of the catalogue.

It joins the model library and the sampler catalogue into the `Offer` that `resolve` asks; neither knows the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from studio.library import Library
from studio.recipe import CheckpointFacts, SamplerFacts
from studio.sampling import catalogue


@dataclass(frozen=True)
class StudioOffer:
    """An `Offer` over a library and the catalogue. ``max_side_px`` bounds width and height."""

    library: Library
    max_side_px: int

    def checkpoint(self, name: str) -> CheckpointFacts:
        return self.library.facts(name)

    def sampler(self, name: str) -> SamplerFacts:
        entry, schedule = catalogue.find_sampler(name)
        return SamplerFacts(entry.name, schedule or entry.default_schedule, entry.default_eta)

    def schedule(self, name: str) -> str:
        return catalogue.find_schedule(name).label
