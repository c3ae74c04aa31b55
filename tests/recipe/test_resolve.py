"""Resolving: each "auto" answered once, by the checkpoint, the sampler or the dice."""

from __future__ import annotations

import pytest

from studio.errors import InvalidField, UnknownCheckpoint, UnknownSampler
from studio.recipe import CheckpointFacts, Recipe, SamplerFacts, resolve
from studio.recipe.limits import MAX_SEED


class ShortOffer:
    """Two checkpoints, two samplers, two schedules."""

    max_side_px = 1024

    def checkpoint(self, name: str) -> CheckpointFacts:
        if name in ("auto", "starter"):
            return CheckpointFacts("starter", "ab" * 32, "sd1", 256, "DPM++ 2M", 20, 7.0, 2)
        if name == "big":
            return CheckpointFacts("big", "cd" * 32, "sd2", 768, "Euler a", 30, 5.5)
        raise UnknownCheckpoint(f"There is no checkpoint {name}.")

    def sampler(self, name: str) -> SamplerFacts:
        known = {
            "DPM++ 2M": SamplerFacts("DPM++ 2M", "karras", 0.0),
            "Euler a": SamplerFacts("Euler a", "uniform", 1.0),
        }
        if name == "k_euler_a":
            return known["Euler a"]
        if name not in known:
            raise UnknownSampler(f"There is no sampler {name}.")
        return known[name]

    def schedule(self, name: str) -> str:
        if name.lower() not in ("karras", "uniform"):
            raise UnknownSampler(f"There is no schedule {name}.")
        return name.lower()


OFFER = ShortOffer()


def test_an_empty_recipe_is_answered_by_the_checkpoint_and_its_sampler() -> None:
    resolved = resolve(Recipe(prompt="cat"), OFFER)
    assert (resolved.checkpoint, resolved.checkpoint_sha256, resolved.family) == ("starter", "ab" * 32, "sd1")
    assert (resolved.sampler, resolved.schedule, resolved.steps, resolved.eta) == ("DPM++ 2M", "karras", 20, 0.0)
    assert (resolved.width_px, resolved.height_px) == (256, 256)
    assert (resolved.guidance_scale, resolved.clip_skip) == (7.0, 2)


def test_what_is_asked_for_is_kept() -> None:
    asked = Recipe(
        prompt="cat", checkpoint="big", sampler="k_euler_a", schedule="Karras", steps=5, guidance_scale=3.0, seed=9,
        width_px=128, height_px=64, clip_skip=1, eta=0.5, eta_noise_seed_delta=31337, exact=True,
    )  # fmt: skip
    resolved = resolve(asked, OFFER)
    assert resolved.sampler == "Euler a"
    assert resolved.schedule == "karras"
    assert resolved.to_recipe() == asked.with_fields(
        {"sampler": "Euler a", "schedule": "karras", "variation_seed": resolved.variation_seed}
    )


@pytest.mark.parametrize("schedule", ["auto", "Automatic", "automatic", ""])
def test_an_automatic_schedule_is_the_samplers_own(schedule: str) -> None:
    assert resolve(Recipe(sampler="Euler a", schedule=schedule), OFFER).schedule == "uniform"


def test_seeds_are_rolled_within_their_range_and_differ() -> None:
    rolled = {resolve(Recipe(), OFFER).seed for _ in range(50)}
    assert len(rolled) > 40
    assert all(0 <= seed <= MAX_SEED for seed in rolled)
    assert resolve(Recipe(seed=0), OFFER).seed == 0


def test_the_variation_seed_is_rolled_only_when_it_is_in_use() -> None:
    assert resolve(Recipe(), OFFER).variation_seed == 0
    used = {resolve(Recipe(variation_strength=0.1), OFFER).variation_seed for _ in range(20)}
    assert len(used) > 15
    assert resolve(Recipe(variation_strength=0.1, variation_seed=3), OFFER).variation_seed == 3


@pytest.mark.parametrize(("field", "pixels"), [("width_px", 100), ("height_px", 1032), ("width_px", 2048)])
def test_sizes_are_checked_against_the_studio(field: str, pixels: int) -> None:
    with pytest.raises(InvalidField, match="multiples of 8 from 64 to 1024") as caught:
        resolve(Recipe(**{field: pixels}), OFFER)
    assert caught.value.field == field


def test_unknown_names_are_passed_on() -> None:
    with pytest.raises(UnknownCheckpoint):
        resolve(Recipe(checkpoint="nothing"), OFFER)
    with pytest.raises(UnknownSampler):
        resolve(Recipe(sampler="nothing"), OFFER)
    with pytest.raises(UnknownSampler):
        resolve(Recipe(schedule="nothing"), OFFER)
