"""Infotext: what A1111 would have written, what it wrote, and 10,000 recipes there and back."""

from __future__ import annotations

import random
from typing import Any

import pytest

from studio import __version__
from studio.errors import InvalidField
from studio.recipe import (
    Emphasis,
    InpaintArea,
    MaskedContent,
    Mode,
    NoiseDevice,
    Recipe,
    ResizeMode,
    ResolvedRecipe,
    Tiling,
)
from studio.recipe.finish import FinishFields, SecondPassFields
from studio.recipe.infotext import MAX_INFOTEXT_CHARACTERS, default_eta, read, split, write
from studio.recipe.limits import MAX_PROMPT_CHARACTERS
from studio.recipe.schedule_labels import SCHEDULE_LABELS
from studio.recipe.source import SourceFields
from studio.recipe.templates import Templates
from studio.sampling.catalogue import SAMPLERS, SCHEDULES
from tests.recipe.samples import sample, wild

FROM_A1111 = """\
photo of a (cat:1.2), <lora:fur:0.7>
on a sofa
Negative prompt: blurry, low quality,
watermark
Steps: 28, Sampler: DPM++ 2M SDE, Schedule type: Karras, CFG scale: 6.5, Seed: 965400086, Size: 512x768, \
Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, Variation seed: 123, Variation seed strength: 0.25, \
Seed resize from: 640x512, Denoising strength: 0.4, Clip skip: 2, ENSD: 31337, Hires upscale: 2, \
Hires upscaler: Latent, Lora hashes: "fur: 0123456789ab, other: ba9876543210", Eta: 0.5, Version: v1.10.1"""


def textual(recipe: ResolvedRecipe) -> Recipe:
    """What the text says of a recipe: what goes without saying is left to "auto", what has no part in it goes."""
    left_out: dict[str, Any] = {"source": "", "mask": "", "source_image": ""}
    if recipe.eta == default_eta(recipe.sampler):
        left_out["eta"] = None
    if recipe.variation_strength == 0:
        left_out["variation_seed"] = -1
    if not (recipe.seed_resize_width_px and recipe.seed_resize_height_px):
        left_out |= {"seed_resize_width_px": 0, "seed_resize_height_px": 0}
    if recipe.schedule == "automatic":
        left_out["schedule"] = "auto"
    if recipe.mode is Mode.FINISH and not recipe.has_second_pass:
        kept = {"mode", "prompt", "negative_prompt", "width_px", "height_px", *FinishFields.model_fields}
        left_out |= {name: field.default for name, field in Recipe.model_fields.items() if name not in kept}
    left_out |= without_a_part(recipe) | shared_with_the_first_pass(recipe)
    return recipe.to_recipe().with_fields(left_out)


def without_a_part(recipe: ResolvedRecipe) -> dict[str, Any]:
    """The fields that the recipe's mode does not use, as they are when nobody sets them."""
    of_pictures = {"denoising_strength", "resize_mode", "colour_correction"}
    used = {Mode.IMAGE: of_pictures, Mode.INPAINT: set(SourceFields.model_fields)}.get(recipe.mode, set())
    unused = set(SourceFields.model_fields) - used
    if not recipe.has_second_pass:
        unused |= set(SecondPassFields.model_fields)
    return {name: Recipe.model_fields[name].default for name in unused}


def shared_with_the_first_pass(recipe: ResolvedRecipe) -> dict[str, Any]:
    if not recipe.has_second_pass:
        return {}
    shared: dict[str, Any] = {}
    same_sampler, same_schedule = recipe.hires_sampler == recipe.sampler, recipe.hires_schedule == recipe.schedule
    if same_sampler:
        shared["hires_sampler"] = "same"
    if same_sampler and same_schedule:
        shared["hires_schedule"] = "same"
    elif recipe.hires_schedule == "automatic":
        shared["hires_schedule"] = "auto"
    for name, nothing in (("guidance_scale", 0.0), ("prompt", ""), ("negative_prompt", "")):
        if getattr(recipe, f"hires_{name}") == getattr(recipe, name):
            shared[f"hires_{name}"] = nothing
    return shared


def expressible(recipe: ResolvedRecipe) -> bool:
    """Whether A1111's own layout can hold the prompts, without our keys for them."""
    marks = any(line.strip().startswith("Negative prompt:") for line in recipe.prompt.split("\n"))
    return recipe.prompt == recipe.prompt.lstrip() and not marks


def test_an_ordinary_picture() -> None:
    assert write(sample()) == (
        "3d cat face on a blue background\n"
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 42, Size: 512x768, "
        f"Model hash: 0123456789, Model: starter, RNG: CPU, Version: latent-studio {__version__}"
    )


def test_every_key_in_a1111s_order() -> None:
    recipe = sample(
        negative_prompt="dog,\nbird",
        sampler="Euler a",
        schedule="sgm_uniform",
        guidance_scale=7.5,
        checkpoint="cats, v2",
        variation_seed=7,
        variation_strength=0.1,
        seed_resize_width_px=256,
        seed_resize_height_px=384,
        clip_skip=2,
        eta=0.5,
        eta_noise_seed_delta=31337,
        emphasis=Emphasis.NO_NORM,
        noise=NoiseDevice.PHILOX,
        exact=True,
    )
    assert write(recipe, {"VAE precision": "float32"}).split("\n") == [
        "3d cat face on a blue background",
        "Negative prompt: dog,",
        "bird",
        "Steps: 20, Sampler: Euler a, Schedule type: SGM Uniform, CFG scale: 7.5, Seed: 42, Size: 512x768, "
        'Model hash: 0123456789, Model: "cats, v2", Variation seed: 7, Variation seed strength: 0.1, '
        "Seed resize from: 256x384, Clip skip: 2, ENSD: 31337, RNG: NV, Emphasis: No norm, Eta: 0.5, Exact: True, "
        f"VAE precision: float32, Version: latent-studio {__version__}",
    ]


def test_every_key_of_an_inpainting() -> None:
    recipe = sample(
        mode=Mode.INPAINT,
        source="5e" * 32,
        mask="7a" * 32,
        source_image="0123",
        denoising_strength=0.6,
        resize_mode=ResizeMode.CROP,
        masked_content=MaskedContent.LATENT_NOTHING,
        inpaint_area=InpaintArea.MASKED,
        mask_invert=True,
        mask_grow_px=-3,
        mask_blur_x_px=8,
        soft_inpainting=True,
        colour_correction=True,
        outpaint_left_px=64,
        tiling=Tiling.BOTH,
        upscaler="Lanczos",
        upscale=2,
        brightness=-0.25,
    )
    assert write(recipe).split("\n")[-1] == (
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 42, Size: 512x768, "
        "Model hash: 0123456789, Model: starter, Denoising strength: 0.6, Init image hash: 5e5e5e5e5e, RNG: CPU, "
        "Tiling: True, Mask hash: 7a7a7a7a7a, Mask blur x: 8, Mask blur y: 4, Mask mode: Inpaint not masked, "
        "Inpaint area: Only masked, Masked content: latent nothing, Soft inpainting enabled: True, "
        "Masked area padding: 32, Mask grow: -3, Outpaint left: 64, Resize mode: Crop and resize, "
        "Color correction: True, Mode: inpaint, Postprocess upscaler: Lanczos, Postprocess upscale by: 2, "
        f"Adjust brightness: -0.25, Version: latent-studio {__version__}"
    )
    info = read(write(recipe))
    assert info.recipe == textual(recipe)
    assert set(info.unknown) == {"Init image hash", "Mask hash", "Version"}


def test_every_key_of_a_second_pass() -> None:
    second = {
        "hires_scale": 1.5, "hires_width_px": 768, "hires_height_px": 1152, "hires_steps": 9,
        "hires_upscaler": "Latent", "hires_denoising_strength": 0.55, "hires_prompt": "a dog, sharp",
        "hires_guidance_scale": 5.0, "hires_sampler": "Euler", "hires_schedule": "karras",
    }  # fmt: skip
    assert write(sample(**second)).split("\n")[-1] == (
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 42, Size: 512x768, "
        "Model hash: 0123456789, Model: starter, Denoising strength: 0.55, RNG: CPU, Hires upscale: 1.5, "
        "Hires resize: 768x1152, Hires steps: 9, Hires upscaler: Latent, Hires sampler: Euler, "
        'Hires schedule type: Karras, Hires prompt: "a dog, sharp", Hires CFG Scale: 5, '
        f"Version: latent-studio {__version__}"
    )
    of_a_picture = write(sample(mode=Mode.IMAGE, source="5e" * 32, denoising_strength=0.3, **second))
    assert "Denoising strength: 0.3," in of_a_picture and "Hires denoising strength: 0.55," in of_a_picture


def test_a_finish_says_nothing_of_a_network() -> None:
    recipe = sample(mode=Mode.FINISH, source="5e" * 32, checkpoint="", checkpoint_sha256="", contrast=0.5)
    assert write(recipe).split("\n")[-1] == (
        "Size: 512x768, Init image hash: 5e5e5e5e5e, Mode: finish, Adjust contrast: 0.5, "
        f"Version: latent-studio {__version__}"
    )
    assert read(write(recipe)).recipe == Recipe(
        mode=Mode.FINISH, prompt=recipe.prompt, width_px=512, height_px=768, contrast=0.5
    )


def test_what_goes_without_saying_is_not_written() -> None:
    text = write(sample(sampler="Euler a", eta=1.0, variation_seed=5, checkpoint_sha256=""))
    for key in ("Eta", "Variation", "Seed resize", "Clip skip", "ENSD", "Emphasis", "Exact", "Model hash", "Negative"):
        assert key not in text
    assert "Eta DDIM: 0.3" in write(sample(sampler="DDIM", eta=0.3))


def test_notes_that_the_text_cannot_hold_are_left_out() -> None:
    text = write(sample(), {"x": "1", "a:b": "2", "Seed": "3", "Version": "4", "Fine-tuning/kind": "5, 6"})
    assert text.endswith(f'RNG: CPU, Fine-tuning/kind: "5, 6", Version: latent-studio {__version__}')
    assert read(text).unknown == {"Fine-tuning/kind": "5, 6", "Version": f"latent-studio {__version__}"}


def test_reading_what_a1111_wrote() -> None:
    info = read(FROM_A1111)
    assert info.recipe == Recipe(
        prompt="photo of a (cat:1.2), <lora:fur:0.7>\non a sofa",
        negative_prompt="blurry, low quality,\nwatermark",
        checkpoint="v1-5-pruned-emaonly",
        sampler="DPM++ 2M SDE",
        schedule="karras",
        steps=28,
        guidance_scale=6.5,
        seed=965400086,
        variation_seed=123,
        variation_strength=0.25,
        seed_resize_width_px=640,
        seed_resize_height_px=512,
        width_px=512,
        height_px=768,
        clip_skip=2,
        eta=0.5,
        eta_noise_seed_delta=31337,
        noise=NoiseDevice.PHILOX,
        hires_scale=2.0,
        hires_upscaler="Latent",
        hires_denoising_strength=0.4,
    )
    assert info.model_hash == "6ce0161689"
    assert info.unknown == {
        "Lora hashes": "fur: 0123456789ab, other: ba9876543210",
        "Version": "v1.10.1",
    }


def test_what_a1111_leaves_out_means_its_defaults() -> None:
    recipe = read("cat\nSteps: 20, Sampler: Euler a, Seed: 1").recipe
    assert (recipe.clip_skip, recipe.noise, recipe.schedule) == (1, NoiseDevice.PHILOX, "auto")
    assert (recipe.negative_prompt, recipe.checkpoint, recipe.width_px, recipe.eta) == ("", "auto", None, None)
    assert read("cat\nSteps: 20, Seed: 1, Model hash: abcdef0123").recipe.checkpoint == "abcdef0123"
    assert read("cat\nSteps: 20, Seed: 1, RNG: CPU").recipe.noise is NoiseDevice.CPU


LINE = "cat\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 512x512, "


@pytest.mark.parametrize(
    ("keys", "mode"),
    [
        ("Model: x", Mode.TEXT),
        ("Denoising strength: 0", Mode.TEXT),
        ("Denoising strength: 0.5", Mode.IMAGE),
        ("Denoising strength: 0.5, Mask blur: 4", Mode.INPAINT),
        ("Denoising strength: 0.5, Inpaint area: Only masked", Mode.INPAINT),
        ("Denoising strength: 0.5, Hires upscale: 2", Mode.TEXT),
        ("Denoising strength: 0.5, Hires resize: 1024x1024", Mode.TEXT),
        ("Denoising strength: 0.5, Mode: finish", Mode.FINISH),
        ("Denoising strength: 0.5, Mode: something else", Mode.IMAGE),
    ],
)
def test_the_mode_shows_in_the_keys(keys: str, mode: Mode) -> None:
    assert read(LINE + keys).recipe.mode is mode


def test_what_a1111_leaves_out_of_an_inpainting_means_its_defaults() -> None:
    recipe = read(LINE + "Denoising strength: 0.4, Mask blur: 8, Init image hash: d41d8cd98f00b204").recipe
    assert (recipe.mask_blur_x_px, recipe.mask_blur_y_px, recipe.denoising_strength) == (8, 8, 0.4)
    assert (recipe.masked_content, recipe.inpaint_area) == (MaskedContent.ORIGINAL, InpaintArea.WHOLE)
    assert (recipe.masked_padding_px, recipe.mask_invert, recipe.source) == (32, False, "")


def test_a_second_pass_as_a1111_means_it() -> None:
    read_back = read(LINE + "Denoising strength: 0.4, Hires upscaler: 4x-UltraSharp").recipe
    assert (read_back.hires_scale, read_back.hires_upscaler) == (2.0, "4x-UltraSharp")
    assert (read_back.hires_denoising_strength, read_back.denoising_strength) == (0.4, 0.75)
    assert (read_back.hires_sampler, read_back.hires_schedule, read_back.hires_steps) == ("same", "same", 0)
    old = read(LINE + "Denoising strength: 0.4, Hires resize: 768x0, Hires sampler: DPM++ 2M Karras").recipe
    assert (old.hires_sampler, old.hires_schedule, old.hires_width_px) == ("DPM++ 2M", "karras", 768)
    same = read(
        LINE + "Denoising strength: 0.4, Hires upscale: 2, Hires sampler: Use same sampler, "
        "Hires schedule type: Use same scheduler"
    ).recipe
    assert (same.hires_sampler, same.hires_schedule) == ("same", "same")


def test_a_second_pass_without_a_strength_is_none_and_its_keys_are_kept() -> None:
    info = read(LINE + "Hires upscale: 2, Hires steps: 9, Postprocess upscaler: Lanczos, Tiling: True")
    assert info.unknown == {"Hires upscale": "2", "Hires steps": "9"}
    assert (info.recipe.hires_scale, info.recipe.upscaler, info.recipe.tiling) == (1.0, "Lanczos", Tiling.BOTH)


def test_a_text_without_parameters_is_a_prompt() -> None:
    assert read("a cat\nNegative prompt: dog").recipe == Recipe(prompt="a cat", negative_prompt="dog")
    assert read("Steps: 20, Seed: 1").recipe == Recipe(prompt="Steps: 20, Seed: 1")
    assert read("").recipe == Recipe()


@pytest.mark.parametrize(
    ("written", "sampler", "schedule"),
    [
        ("DPM++ 2M Karras", "DPM++ 2M", "karras"),
        ("DPM2 a Karras", "DPM2 a", "karras"),
        ("LMS Karras", "LMS", "karras"),
        ("DPM++ 2M SDE Heun Exponential", "DPM++ 2M SDE Heun", "exponential"),
        ("DPM++ 2M SGM Uniform", "DPM++ 2M", "sgm_uniform"),
        ("DPM++ 2M SDE SGMUniform", "DPM++ 2M SDE", "sgm_uniform"),
        ("DDIM", "DDIM", "auto"),
        ("Euler a", "Euler a", "auto"),
    ],
)
def test_old_combined_names_are_taken_apart(written: str, sampler: str, schedule: str) -> None:
    recipe = read(f"cat\nSteps: 20, Sampler: {written}, Seed: 1, Size: 64x64").recipe
    assert (recipe.sampler, recipe.schedule) == (sampler, schedule)


def test_schedules_come_by_label_name_or_as_they_stand() -> None:
    def schedule(label: str) -> str:
        return read(f"cat\nSteps: 20, Sampler: Euler, Schedule type: {label}, Seed: 1").recipe.schedule

    assert [schedule(label) for label in ("KL Optimal", "kl_optimal", "karras", "Turbo")] == [
        "kl_optimal",
        "kl_optimal",
        "karras",
        "Turbo",
    ]


@pytest.mark.parametrize(
    "pair",
    ["Steps: many", "Steps: 0", "CFG scale: nan", "Seed: 99999999999999", "Size: wide", "Size: 8x8", "RNG: dice",
     "Emphasis: None", "Clip skip: 99", "Exact: perhaps", "Mask blur: -1", "Inpaint area: Elsewhere",
     "Masked content: jelly", "Denoising strength: 2", "Outpaint left: 1.5", "Tiling: diagonal",
     "Adjust contrast: 3", "Postprocess upscale by: none", "Mode: dream"],
)  # fmt: skip
def test_values_a_recipe_cannot_take_are_kept_as_unknown(pair: str) -> None:
    key, _, value = pair.partition(": ")
    info = read(f"cat\n{pair}, Hires steps: 3, Inpainting: 4, Sampler: Euler")
    assert info.unknown[key] == value
    assert info.recipe.sampler == "Euler"


def test_what_no_recipe_can_hold_is_refused() -> None:
    with pytest.raises(InvalidField, match="prompt"):
        read("a" * (MAX_PROMPT_CHARACTERS + 1))
    with pytest.raises(InvalidField, match="infotext"):
        read("a" * (MAX_INFOTEXT_CHARACTERS + 1))


@pytest.mark.parametrize(
    ("prompt", "negative_prompt"),
    [
        ("Steps: 20, Sampler: x, Seed: 3", ""),
        ("cat\nSteps: 20, Sampler: x, Seed: 3", "Steps: 20, Sampler: x, Seed: 3"),
        ("cat", "dog\nNegative prompt: bird\n Negative prompt:"),
        ('say "hi", \\o/ a:b', "C:\\path\\"),
        ("cat\n\n  indented\t\n", "  dog  \n"),
        ("", "dog"),
        ("", ""),
        ("not a Negative prompt: really", ""),
        ("שלום עולם\u202b", "猫, 고양이"),
    ],
)
def test_prompts_the_format_can_express(prompt: str, negative_prompt: str) -> None:
    recipe = sample(prompt=prompt, negative_prompt=negative_prompt)
    assert expressible(recipe)
    assert read(write(recipe)).recipe == textual(recipe)


@pytest.mark.parametrize("prompt", ["  cat", "\ncat", "cat\nNegative prompt: dog", "a\n  Negative prompt:"])
def test_prompts_the_layout_would_change_stand_among_the_keys_too(prompt: str) -> None:
    recipe = sample(prompt=prompt, negative_prompt="bird")
    text = write(recipe)
    assert "Verbatim prompt: " in text
    assert read(text).recipe == textual(recipe)
    assert "Verbatim" not in write(sample(prompt="cat", negative_prompt="bird"))


def test_10000_random_recipes_round_trip_through_the_text() -> None:
    rng = random.Random(20260301)
    laid_out = 0
    for _ in range(10_000):
        recipe = wild(rng)
        laid_out += expressible(recipe)
        info = read(write(recipe, {"Note": recipe.checkpoint}))
        assert info.recipe == textual(recipe)
        assert info.unknown["Note"] == recipe.checkpoint
        drawn = recipe.mode is not Mode.FINISH or recipe.has_second_pass
        assert info.templates == (recipe.templates if drawn else Templates())
    assert 4_000 < laid_out < 9_000, "both kinds of prompts must occur"


def test_templates_are_written_as_a1111s_extension_does() -> None:
    templates = {"prompt": 'a {red|"2::blue"} cat,\n__animals__', "negative_prompt": "{a|b}"}
    text = write(sample(prompt="a red cat", negative_prompt="a", templates=templates))
    assert text.endswith(
        'RNG: CPU, Template: "a {red|\\"2::blue\\"} cat,\\n__animals__", Negative Template: {a|b}, '
        f"Version: latent-studio {__version__}"
    )
    info = read(text)
    assert (info.recipe.prompt, info.templates) == ("a red cat", Templates(**templates))
    assert set(info.unknown) == {"Version"}


def test_a_template_too_long_to_be_one_is_kept_as_unknown() -> None:
    text = f"cat\nSteps: 20, Sampler: Euler, Seed: 1, Template: {'a' * (MAX_PROMPT_CHARACTERS + 1)}"
    assert read(text).templates == Templates() and "Template" in read(text).unknown


def test_what_was_typed_comes_back_with_its_templates() -> None:
    second = {"hires_width_px": 768, "hires_height_px": 1152, "hires_prompt": "a red cat", "hires_negative_prompt": ""}
    recipe = sample(prompt="a red cat", templates={"prompt": "a {red|blue} cat"}, **second)
    assert (recipe.to_recipe().prompt, recipe.to_recipe().hires_prompt) == ("a red cat", "a red cat")
    assert (recipe.to_typed_recipe().prompt, recipe.to_typed_recipe().hires_prompt) == ("a {red|blue} cat", "")
    assert sample().to_typed_recipe() == sample().to_recipe()


def test_the_parameter_line_is_always_found() -> None:
    rng = random.Random(7)
    for _ in range(500):
        assert split(write(wild(rng)))[2].startswith(("Steps: ", "Size: "))


def test_labels_and_etas_are_those_of_the_catalogue() -> None:
    assert {entry.name: entry.label for entry in SCHEDULES} == SCHEDULE_LABELS
    assert {entry.name: default_eta(entry.name) for entry in SAMPLERS} == {
        entry.name: entry.default_eta for entry in SAMPLERS
    }
