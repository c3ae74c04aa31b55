"""Resolving: each "auto" answered once, by the checkpoint, the sampler or the dice."""

from __future__ import annotations

import pytest

from studio.errors import InvalidField, NotFound, UnknownCheckpoint, UnknownPart, UnknownSampler
from studio.recipe import CheckpointFacts, Recipe, SamplerFacts, SourceFacts, UpscalerFacts, resolve
from studio.recipe.limits import MAX_SEED
from studio.recipe.offer import VaeFacts


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
            "Euler": SamplerFacts("Euler", "uniform", 0.0),
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

    def source(self, sha256: str) -> SourceFacts:
        if sha256 not in SOURCES:
            raise NotFound("That source picture is not here.")
        return SOURCES[sha256]

    def vae(self, name: str, family: str) -> VaeFacts:
        if name.lower() != "soft":
            raise UnknownPart(f"There is no VAE {name}.")
        return VaeFacts("soft", "ef" * 32)

    def upscaler(self, name: str, *, latent: bool) -> UpscalerFacts:
        if name not in ("None", "Lanczos") and not (latent and name == "Latent"):
            raise UnknownPart(f"There is no upscaler {name}.")
        return UpscalerFacts(name)


PHOTO, SMALL, CLEAR, MASK, BLACK, WHITE, WIDE = (letter * 64 for letter in "1234567")
SOURCES = {
    PHOTO: SourceFacts(2000, 1000),
    SMALL: SourceFacts(128, 96),
    CLEAR: SourceFacts(128, 96, has_alpha=True),
    MASK: SourceFacts(128, 96),
    BLACK: SourceFacts(128, 96, is_black=True),
    WHITE: SourceFacts(128, 96, is_white=True),
    WIDE: SourceFacts(128, 64),
}
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
        {"sampler": "Euler a", "schedule": "karras", "vae": "own", "variation_seed": resolved.variation_seed}
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


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"mode": "image", "source": SMALL}, (128, 96)),  # smaller than the checkpoint's own area: as it is
        ({"mode": "image", "source": PHOTO}, (360, 184)),  # 256 * 256 pixels at 2:1
        ({"mode": "image", "source": PHOTO, "width_px": 512}, (512, 256)),
        ({"mode": "inpaint", "source": SMALL, "mask": MASK}, (128, 96)),
        ({"mode": "inpaint", "source": SMALL, "mask": MASK, "inpaint_area": "masked"}, (256, 256)),
        ({"mode": "inpaint", "source": SMALL, "outpaint_left_px": 64}, (192, 96)),
        ({"mode": "finish", "source": PHOTO, "brightness": 0.1}, (2000, 1000)),
    ],
)
def test_an_automatic_size_follows_the_source(fields: dict[str, object], size: tuple[int, int]) -> None:
    resolved = resolve(Recipe(**fields), OFFER)
    assert (resolved.width_px, resolved.height_px) == size


@pytest.mark.parametrize(
    ("fields", "named", "words"),
    [
        ({"mode": "image"}, "source", "is missing"),
        ({"mode": "inpaint"}, "source", "upload one"),
        ({"mode": "inpaint", "source": SMALL}, "mask", "nothing to paint"),
        ({"mode": "inpaint", "source": SMALL, "mask": BLACK}, "mask", "nothing to paint"),
        ({"mode": "inpaint", "source": SMALL, "mask": WHITE, "mask_invert": True}, "mask", "nothing to paint"),
        ({"mode": "inpaint", "source": SMALL, "mask": WIDE}, "mask", "128x96"),
        ({"mode": "inpaint", "source": SMALL, "mask": MASK, "hires_scale": 2}, "hires_scale", "no second pass"),
        ({"mode": "finish", "source": SMALL}, "mode", "nothing to finish"),
        ({"mode": "finish", "source": SMALL, "upscale": 2}, "mode", "an upscaler"),
        ({"hires_width_px": 128, "hires_height_px": 128}, "hires_width_px", "smaller than the first"),
        ({"hires_width_px": 300}, "hires_width_px", "multiples of 8"),
        ({"hires_scale": 8}, "hires_width_px", "1024"),
        ({"upscaler": "Lanczos", "upscale": 8}, "upscale", "1024"),
        ({"mode": "inpaint", "source": SMALL, "outpaint_left_px": 2000, "width_px": 256, "height_px": 256}, "out", ""),
    ],
)
def test_what_cannot_be_started_is_refused_at_its_field(fields: dict[str, object], named: str, words: str) -> None:
    with pytest.raises(InvalidField) as caught:
        resolve(Recipe(**fields), OFFER)
    assert caught.value.field.startswith(named)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"mask": MASK},
        {"mask": WHITE},
        {"mask": BLACK, "mask_invert": True},
        {"mask": BLACK, "outpaint_top_px": 8},
        {"source": CLEAR},
        {"mask_invert": True},
    ],
)
def test_anything_that_leaves_something_to_paint_is_taken(fields: dict[str, object]) -> None:
    assert resolve(Recipe(**{"mode": "inpaint", "source": SMALL, **fields}), OFFER).mode.value == "inpaint"


def test_a_source_that_is_not_stored_and_an_unknown_upscaler_are_passed_on() -> None:
    with pytest.raises(NotFound):
        resolve(Recipe(mode="image", source="9" * 64), OFFER)
    with pytest.raises(UnknownPart):
        resolve(Recipe(upscale=2, upscaler="Latent"), OFFER)


def test_a_second_pass_takes_over_what_it_leaves_open() -> None:
    resolved = resolve(Recipe(prompt="cat", hires_scale=1.5, sampler="Euler a", steps=7, guidance_scale=3), OFFER)
    assert resolved.has_second_pass
    assert (resolved.hires_width_px, resolved.hires_height_px) == (384, 384)
    assert (resolved.hires_sampler, resolved.hires_schedule) == ("Euler a", "uniform")
    assert (resolved.hires_steps, resolved.hires_guidance_scale, resolved.hires_prompt) == (7, 3.0, "cat")
    again = resolve(resolved.to_recipe(), OFFER)
    assert again == resolved


def test_another_sampler_of_the_second_pass_brings_its_own_schedule() -> None:
    resolved = resolve(Recipe(sampler="Euler a", schedule="karras", hires_scale=2, hires_sampler="DPM++ 2M"), OFFER)
    assert (resolved.hires_sampler, resolved.hires_schedule) == ("DPM++ 2M", "karras")
    resolved = resolve(Recipe(sampler="Euler a", hires_height_px=512, hires_schedule="karras"), OFFER)
    assert (resolved.hires_width_px, resolved.hires_height_px, resolved.hires_schedule) == (512, 512, "karras")


def test_without_a_second_pass_nothing_of_it_is_answered() -> None:
    resolved = resolve(Recipe(hires_steps=5), OFFER)
    assert not resolved.has_second_pass
    assert resolved.hires_prompt == ""


def test_a_finish_needs_no_checkpoint_but_for_a_second_pass() -> None:
    fields = {"mode": "finish", "source": SMALL}
    plain = resolve(Recipe(**fields, upscale=2, upscaler="Lanczos"), OFFER)
    assert (plain.checkpoint, plain.checkpoint_sha256, plain.upscaler) == ("", "", "Lanczos")
    assert resolve(plain.to_recipe(), OFFER).checkpoint == ""
    again = resolve(Recipe(**fields, hires_scale=2), OFFER)
    assert (again.checkpoint, again.hires_width_px, again.hires_height_px) == ("starter", 256, 192)


def test_the_vae_of_a_recipe_of_a_card_or_its_own() -> None:
    offer = ShortOffer()
    for asked in ("auto", "Automatic", "", "own", "None"):
        assert (resolve(Recipe(vae=asked), offer).vae, resolve(Recipe(vae=asked), offer).vae_sha256) == ("own", "")
    chosen = resolve(Recipe(vae="SOFT"), offer)
    assert (chosen.vae, chosen.vae_sha256) == ("soft", "ef" * 32) and chosen.to_recipe().vae == "soft"
    with pytest.raises(UnknownPart):
        resolve(Recipe(vae="hard"), offer)

    class OfCard(ShortOffer):
        def checkpoint(self, name: str) -> CheckpointFacts:
            return CheckpointFacts("starter", "ab" * 32, "sd1", 256, "DPM++ 2M", 20, 7.0, default_vae="soft")

    assert resolve(Recipe(), OfCard()).vae == "soft" and resolve(Recipe(vae="own"), OfCard()).vae == "own"
