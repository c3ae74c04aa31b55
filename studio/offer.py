"""What this studio has to offer a recipe: its checkpoints, and the samplers of the catalogue.

It joins the model library and the sampler catalogue into the `Offer` that `resolve` asks; neither knows the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from studio.errors import InvalidField, UnknownPart
from studio.library import Library
from studio.library.fitting_vaes import fits
from studio.library.support import FAMILY_NAMES
from studio.recipe import CheckpointFacts, SamplerFacts, SourceFacts, UpscalerFacts
from studio.recipe.finish import LATENT_UPSCALERS, NO_UPSCALER, PLAIN_UPSCALERS
from studio.recipe.offer import VaeFacts
from studio.sampling import catalogue
from studio.sources import Sources


@dataclass(frozen=True)
class OfferedUpscaler:
    """An upscaler and its ``kind``: ``latent`` (second pass only), ``plain``, or ``model`` (a file)."""

    facts: UpscalerFacts
    kind: str


@dataclass(frozen=True)
class StudioOffer:
    """An `Offer` over library, catalogue and stored pictures. ``max_side_px`` bounds width and height."""

    library: Library
    sources: Sources
    max_side_px: int

    def checkpoint(self, name: str) -> CheckpointFacts:
        return self.library.facts(name)

    def vae(self, name: str, family: str) -> VaeFacts:
        card = self.library.part("vae", name)
        if not fits(card, family):
            made_for = FAMILY_NAMES.get(card.family, card.family)
            runs = FAMILY_NAMES.get(family, family)  # type: ignore[call-overload]
            raise InvalidField("vae", f"{card.name} is made for {made_for}, and the checkpoint is {runs}")
        return VaeFacts(card.name, card.sha256)

    def sampler(self, name: str) -> SamplerFacts:
        entry, schedule = catalogue.find_sampler(name)
        return SamplerFacts(entry.name, schedule or entry.default_schedule, entry.default_eta)

    def schedule(self, name: str) -> str:
        return catalogue.find_schedule(name).label

    def source(self, sha256: str) -> SourceFacts:
        return self.sources.facts(sha256)

    def upscaler(self, name: str, *, latent: bool) -> UpscalerFacts:
        fitting = [one for one in self.upscalers() if latent or one.kind != "latent"]
        for one in fitting:
            if one.kind != "model" and name.strip().lower() == one.facts.name.lower():
                return one.facts
        if name.strip().lower() == NO_UPSCALER.lower() and not latent:
            return UpscalerFacts(NO_UPSCALER)
        try:
            card = self.library.part("upscaler", name)
        except UnknownPart:
            names = ", ".join(one.facts.name for one in fitting)
            raise UnknownPart(f"There is no upscaler {name!r}. There are: {names}.") from None
        return UpscalerFacts(card.name, card.sha256 or "", card.factor or 0)

    def upscalers(self) -> list[OfferedUpscaler]:
        """Every upscaler there is: of latents, plain ones, and model files."""
        latent = [OfferedUpscaler(UpscalerFacts(name), "latent") for name in LATENT_UPSCALERS]
        plain = [OfferedUpscaler(UpscalerFacts(name), "plain") for name in PLAIN_UPSCALERS]
        files = [
            OfferedUpscaler(UpscalerFacts(card.name, card.sha256 or "", card.factor or 0), "model")
            for card in self.library.upscalers()
        ]
        return [*latent, *plain, *files]
