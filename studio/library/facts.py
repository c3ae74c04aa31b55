"""What each family does best when nobody says otherwise: native size, sampler, steps, guidance.

A checkpoint's own ``studio.toml`` goes before its family, and its configuration before both where sizes are concerned.
"""

from __future__ import annotations

from dataclasses import dataclass

from studio.library.card import Checkpoint, Family
from studio.recipe import CheckpointFacts

TINY_SIZE_PX = 256
"""Up to this native size an architecture is one of its own, such as the starter's, whatever family it resembles."""


@dataclass(frozen=True)
class FamilyDefaults:
    """Where a family starts: side in pixels, sampler, steps and guidance."""

    native_size_px: int
    sampler: str
    steps: int
    guidance_scale: float


_TINY = FamilyDefaults(128, "DPM++ 2M", 20, 4.0)
_SD = FamilyDefaults(512, "DPM++ 2M", 25, 7.0)  # A1111's guidance; 25 is within the sampler's useful range
_BY_FAMILY: dict[Family, FamilyDefaults] = {
    "sd1": _SD,
    "sd2": FamilyDefaults(768, "DPM++ 2M", 25, 7.0),
    "sdxl": FamilyDefaults(1024, "DPM++ 2M", 28, 6.0),
}


def family_defaults(checkpoint: Checkpoint) -> FamilyDefaults:
    """The defaults of the checkpoint's family, or those of tiny architectures."""
    if 0 < checkpoint.native_size_px <= TINY_SIZE_PX:
        return _TINY
    return _BY_FAMILY.get(checkpoint.family, _SD)


def facts_of(checkpoint: Checkpoint) -> CheckpointFacts:
    """What resolving a recipe needs to know of a checkpoint whose hash is known."""
    family, own = family_defaults(checkpoint), checkpoint.defaults
    return CheckpointFacts(
        name=checkpoint.name,
        sha256=checkpoint.sha256,
        family=checkpoint.family,
        native_size_px=checkpoint.native_size_px or family.native_size_px,
        default_sampler=own.sampler or family.sampler,
        default_steps=own.steps or family.steps,
        default_guidance_scale=own.guidance_scale or family.guidance_scale,
        default_clip_skip=own.clip_skip or 1,
        default_vae=own.vae or "",
        prediction=own.prediction or "",
        zero_snr=own.zero_snr,
        needs_vae=checkpoint.needs_vae,
        fitting_vaes=checkpoint.fitting_vaes,
    )
