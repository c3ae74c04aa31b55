"""Answers every "auto" of a recipe, once. Nobody below asks again."""

from __future__ import annotations

import secrets
from typing import Any

from studio.errors import InvalidField, UnknownPart
from studio.recipe.finish import NO_UPSCALER
from studio.recipe.limits import MAX_SEED
from studio.recipe.model import AUTO, AUTO_SEED, OWN_VAE, Mode, Recipe, ResolvedRecipe
from studio.recipe.offer import CheckpointFacts, Offer, SamplerFacts, VaeFacts
from studio.recipe.second_pass import resolve_second_pass
from studio.recipe.sizes import check_output, first_size
from studio.recipe.start import check_finish, check_start
from studio.recipe.vae_choice import vae_is_missing

NO_CHECKPOINT = CheckpointFacts("", "", "", 512, "Euler", 1, 1.0)
"""What a finish without a second pass is made with: no network at all."""


def resolve(recipe: Recipe, offer: Offer) -> ResolvedRecipe:
    """The recipe with every "auto" answered.

    Raises:
        InvalidField: a size that is not a whole number of latent cells or too large; a mode without what it starts
            from; a second pass or finish that cannot be.
        NotFound: a source or mask that is not stored.
        UnknownCheckpoint, UnknownSampler, UnknownPart: a name nothing answers to.
    """
    source = check_start(recipe, offer)
    enlarges = recipe.hires_scale > 1 or recipe.hires_width_px > 0 or recipe.hires_height_px > 0
    is_made = recipe.mode is not Mode.FINISH or enlarges
    checkpoint = offer.checkpoint(recipe.checkpoint) if is_made else NO_CHECKPOINT
    sampler = offer.sampler(checkpoint.default_sampler if recipe.sampler == AUTO else recipe.sampler)
    width_px, height_px = first_size(recipe, checkpoint, source, offer.max_side_px)
    upscaler = offer.upscaler(recipe.upscaler if recipe.upscale > 1 else NO_UPSCALER, latent=False)
    if not enlarges:
        check_finish(recipe, upscaler)
    vae = _vae(recipe.vae, checkpoint, offer) if is_made else VaeFacts(OWN_VAE, "")
    resolved = ResolvedRecipe(
        **_as_asked(recipe),
        checkpoint=checkpoint.name,
        checkpoint_sha256=checkpoint.sha256,
        family=checkpoint.family,
        prediction=checkpoint.prediction,
        zero_snr=checkpoint.zero_snr,
        vae=vae.name,
        vae_sha256=vae.sha256,
        sampler=sampler.name,
        schedule=_schedule(recipe.schedule, sampler, offer),
        steps=recipe.steps if recipe.steps is not None else checkpoint.default_steps,
        guidance_scale=(
            recipe.guidance_scale if recipe.guidance_scale is not None else checkpoint.default_guidance_scale
        ),
        seed=_rolled(recipe.seed),
        variation_seed=_rolled(recipe.variation_seed) if recipe.variation_strength > 0 else 0,
        width_px=width_px,
        height_px=height_px,
        clip_skip=recipe.clip_skip if recipe.clip_skip is not None else checkpoint.default_clip_skip,
        eta=recipe.eta if recipe.eta is not None else sampler.default_eta,
        upscaler=upscaler.name,
        upscaler_sha256=upscaler.sha256,
    )
    if enlarges:
        resolved = resolve_second_pass(resolved, offer, source)
    check_output(resolved, source, offer.max_side_px)
    return resolved


_ANSWERED = frozenset(
    ("checkpoint", "vae", "sampler", "schedule", "steps", "guidance_scale", "clip_skip", "eta", "upscaler")
).union(("seed", "variation_seed", "width_px", "height_px"))
"""Fields that resolving answers; all others stand in the resolved recipe as they were asked."""


def _as_asked(recipe: Recipe) -> dict[str, Any]:
    return {name: value for name, value in recipe.model_dump().items() if name not in _ANSWERED}


def _vae(asked: str, checkpoint: CheckpointFacts, offer: Offer) -> VaeFacts:
    """What a recipe asks for, else what the checkpoint's card says, else the one it brings. A1111's words will do."""
    name = asked.strip()
    is_of_card = name.lower() in (AUTO, "automatic", "")
    if is_of_card:
        name = checkpoint.default_vae
    if name.lower() in ("", AUTO, OWN_VAE, "none"):
        if checkpoint.needs_vae:
            raise vae_is_missing(checkpoint.name, checkpoint.fitting_vaes)
        return VaeFacts(OWN_VAE, "")
    try:
        return offer.vae(name, checkpoint.family)
    except UnknownPart as error:
        if not is_of_card:
            raise
        raise InvalidField("vae", f"the card of {checkpoint.name} chooses one that is not here. {error}") from error


def _schedule(asked: str, sampler: SamplerFacts, offer: Offer) -> str:
    if asked.lower() in (AUTO, "automatic", ""):
        return offer.schedule(sampler.default_schedule)
    return offer.schedule(asked)


def _rolled(seed: int) -> int:
    return secrets.randbelow(MAX_SEED + 1) if seed == AUTO_SEED else seed
