"""The seam: what each field of a request becomes in a recipe, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio.errors import InvalidField
from studio.pictures import read_picture
from studio.recipe import Emphasis, InpaintArea, MaskedContent, Mode, NoiseDevice, Recipe, ResizeMode, Tiling
from studio.sdapi.schemas import Generation, ImageToImage, TextToImage
from studio.sdapi.translation import Plan, plan_of
from studio.services import LOCAL_OWNER, Studio
from tests.sdapi.conftest import as_base64, picture

TEXT = (
    "a red cat\nNegative prompt: blue\nSteps: 33, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 4.5, Seed: 99, "
    "Size: 128x192, Model: toy-b, Denoising strength: 0.4, Clip skip: 2, Hires upscale: 1.5, Hires upscaler: Lanczos"
)


def plan(studio: Studio, request: Generation) -> Plan:
    return plan_of(request, studio, LOCAL_OWNER)


def text(studio: Studio, **fields: Any) -> Recipe:
    return plan(studio, TextToImage(**fields)).recipe


def image(studio: Studio, source: Image.Image | None = None, **fields: Any) -> tuple[Plan, Recipe]:
    planned = plan(studio, ImageToImage(init_images=[as_base64(source or picture())], **fields))
    return planned, planned.recipe.with_fields(planned.starts[0])


def test_the_defaults_are_a1111s(studio: Studio) -> None:
    recipe = text(studio)
    assert (recipe.steps, recipe.guidance_scale, recipe.width_px, recipe.height_px) == (50, 7.0, 512, 512)
    assert (recipe.sampler, recipe.schedule, recipe.hires_scale) == ("Euler", "auto", 1.0)
    assert recipe.seed >= 0 and recipe.tiling is Tiling.OFF and recipe.clip_skip is None


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"subseed": 6, "subseed_strength": 0.2}, {"variation_seed": 6, "variation_strength": 0.2}),
        ({"seed_resize_from_w": 96, "seed_resize_from_h": 64}, {"seed_resize_width_px": 96}),
        ({"seed_resize_from_w": 96, "seed_resize_from_h": 72}, {"seed_resize_height_px": 72}),
        ({"seed_resize_from_w": 96}, {"seed_resize_width_px": 0}),
        ({"sampler_name": "k_euler_a", "sampler_index": "DDIM"}, {"sampler": "k_euler_a"}),
        ({"sampler_name": "DPM++ 2M Karras"}, {"sampler": "DPM++ 2M Karras", "schedule": "auto"}),
        ({"sampler_name": "DPM++ 2M", "scheduler": "karras"}, {"schedule": "Karras"}),
        ({"scheduler": "SGM Uniform"}, {"schedule": "SGM Uniform"}),
        ({"tiling": True}, {"tiling": Tiling.BOTH}),
        ({"eta": 0.5, "sampler_name": "DDIM"}, {"eta": 0.5}),
        ({"eta": 1.0, "sampler_name": "DPM++ 2M"}, {"eta": None}),
        ({"width": 516, "height": 511}, {"width_px": 512, "height_px": 504}),
        ({"styles": ["starter-3d"], "prompt": "a fox"}, {"prompt": "3d a fox on a blue background"}),
        ({"prompt": "a <lora:x:1> fox", "disable_extra_networks": True}, {"prompt": "a  fox"}),
        ({"override_settings": {"CLIP_stop_at_last_layers": 3}}, {"clip_skip": 3}),
        ({"override_settings": {"sd_model_checkpoint": "toy-b"}}, {"checkpoint": "toy-b"}),
        ({"override_settings": {"eta_noise_seed_delta": 31337}}, {"eta_noise_seed_delta": 31337}),
        ({"override_settings": {"randn_source": "NV"}}, {"noise": NoiseDevice.PHILOX}),
        ({"override_settings": {"emphasis": "No norm"}}, {"emphasis": Emphasis.NO_NORM}),
        ({"override_settings": {"eta_ddim": 0.3}, "sampler_name": "DDIM"}, {"eta": 0.3}),
        ({"override_settings": {"tiling": True}}, {"tiling": Tiling.BOTH}),
        ({"override_settings": {"img2img_color_correction": True}}, {"colour_correction": True}),
    ],
    ids=str,
)  # fmt: skip
def test_fields_of_text_to_image(studio: Studio, sent: dict[str, Any], expected: dict[str, Any]) -> None:
    recipe = text(studio, **sent)
    assert {name: getattr(recipe, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({}, {"hires_scale": 2.0, "hires_upscaler": "Latent", "hires_denoising_strength": 0.75}),
        ({"denoising_strength": 0.0}, {"hires_denoising_strength": 0.0}),
        ({"hr_upscaler": "None"}, {"hires_upscaler": "Lanczos"}),
        ({"hr_second_pass_steps": 9, "hr_prompt": "b"}, {"hires_steps": 9, "hires_prompt": "b"}),
        ({"hr_resize_x": 1024, "hr_resize_y": 768}, {"hires_width_px": 1024, "hires_height_px": 768}),
        ({"hr_sampler_name": "DDIM", "hr_scheduler": "Use same scheduler"}, {"hires_sampler": "DDIM"}),
        ({"hr_sampler_name": "Use same sampler", "hr_scheduler": "beta"}, {"hires_schedule": "Beta"}),
        ({"firstphase_width": 256, "firstphase_height": 256}, {"width_px": 256, "hires_width_px": 512}),
        ({"hr_checkpoint_name": "Use same checkpoint"}, {"hires_scale": 2.0}),
    ],
    ids=str,
)
def test_fields_of_the_second_pass(studio: Studio, sent: dict[str, Any], expected: dict[str, Any]) -> None:
    recipe = text(studio, enable_hr=True, **sent)
    assert {name: getattr(recipe, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({}, {"denoising_strength": 0.75, "resize_mode": ResizeMode.STRETCH, "mode": Mode.IMAGE}),
        ({"resize_mode": 1}, {"resize_mode": ResizeMode.CROP}),
        ({"resize_mode": 2}, {"resize_mode": ResizeMode.FILL}),
        ({"resize_mode": 3}, {"resize_mode": ResizeMode.LATENT}),
        ({"denoising_strength": 0.2}, {"denoising_strength": 0.2}),
    ],
    ids=str,
)
def test_fields_of_image_to_image(studio: Studio, sent: dict[str, Any], expected: dict[str, Any]) -> None:
    _, recipe = image(studio, **sent)
    assert {name: getattr(recipe, name) for name in expected} == expected
    assert studio.sources.get(recipe.source).width_px == 96


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({}, {"mode": Mode.INPAINT, "inpaint_area": InpaintArea.MASKED, "masked_padding_px": 0, "mask_blur_x_px": 4}),
        ({"mask_blur_x": 2, "mask_blur_y": 3}, {"mask_blur_x_px": 2, "mask_blur_y_px": 3}),
        ({"mask_blur": 7, "mask_blur_x": 2}, {"mask_blur_x_px": 7, "mask_blur_y_px": 7}),
        ({"inpainting_fill": 0}, {"masked_content": MaskedContent.FILL}),
        ({"inpainting_fill": 3}, {"masked_content": MaskedContent.LATENT_NOTHING}),
        ({"inpaint_full_res": False}, {"inpaint_area": InpaintArea.WHOLE}),
        ({"inpaint_full_res_padding": 24}, {"masked_padding_px": 24}),
        ({"inpainting_mask_invert": 1}, {"mask_invert": True}),
        ({"alwayson_scripts": {"Soft Inpainting": {"args": [True]}}}, {"soft_inpainting": True}),
        ({"alwayson_scripts": {"soft inpainting": {"args": [{"Soft inpainting": True}]}}}, {"soft_inpainting": True}),
    ],
    ids=str,
)
def test_fields_of_masks(studio: Studio, sent: dict[str, Any], expected: dict[str, Any]) -> None:
    mask = Image.new("L", (96, 64), 0)
    mask.paste(255, (0, 0, 20, 20))
    _, recipe = image(studio, mask=as_base64(mask), width=128, height=128, **sent)
    assert {name: getattr(recipe, name) for name in expected} == expected


def test_painting_the_whole_picture_makes_the_asked_size_first(studio: Studio) -> None:
    mask = Image.new("L", (48, 48), 255)  # of another aspect too: A1111 brings both to the size
    for area, size in ((False, (128, 192)), (True, (96, 64))):
        _, recipe = image(studio, mask=as_base64(mask), width=128, height=192, inpaint_full_res=area)
        for sha256 in (recipe.source, recipe.mask):
            stored = studio.sources.get(sha256)
            assert (stored.width_px, stored.height_px) == size


def test_a_mask_with_transparency_is_read_by_it(studio: Studio) -> None:
    mask = Image.new("RGBA", (96, 64), (255, 255, 255, 0))
    mask.paste((0, 0, 0, 200), (0, 0, 32, 64))
    _, recipe = image(studio, mask=as_base64(mask), width=128, height=128)
    values = np.asarray(read_picture(studio.sources.path(recipe.mask).read_bytes()).picture.rgb)[..., 0]
    assert (values[:, :32] == 255).all() and (values[:, 32:] == 0).all()


def test_a_blank_mask_is_image_to_image_where_only_the_masked_part_counts(studio: Studio) -> None:
    black, white = (as_base64(Image.new("L", (96, 64), grey)) for grey in (0, 255))
    for fields in ({"mask": black}, {"mask": white, "inpainting_mask_invert": 1}):
        planned, recipe = image(studio, **fields)
        assert recipe.mode is Mode.IMAGE and "mask is blank" in planned.comments[0]


def test_what_is_transparent_in_a_source_becomes_the_background(studio: Studio) -> None:
    clear = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    for sent, colour in (({}, (255, 255, 255)), ({"img2img_background_color": "#00ff00"}, (0, 255, 0))):
        _, recipe = image(studio, clear, override_settings=sent)
        stored = read_picture(studio.sources.path(recipe.source).read_bytes()).picture
        assert stored.alpha is None and tuple(stored.rgb[5, 5]) == colour


def test_an_infotext_fills_what_was_left_open(studio: Studio) -> None:
    recipe = text(studio, infotext=TEXT)
    assert (recipe.prompt, recipe.negative_prompt, recipe.steps, recipe.seed) == ("a red cat", "blue", 33, 99)
    assert (recipe.width_px, recipe.height_px, recipe.checkpoint, recipe.clip_skip) == (128, 192, "toy-b", 2)
    assert (recipe.sampler, recipe.schedule, recipe.noise) == ("DPM++ 2M", "Karras", NoiseDevice.PHILOX)
    assert (recipe.hires_scale, recipe.hires_upscaler, recipe.hires_denoising_strength) == (1.5, "Lanczos", 0.4)


def test_what_the_client_says_counts_more_than_an_infotext(studio: Studio) -> None:
    sent = {"prompt": "a dog", "steps": 5, "sampler_name": "Euler a", "enable_hr": False, "seed": None}
    recipe = text(studio, infotext=TEXT, override_settings={"sd_model_checkpoint": "toy-a"}, **sent)
    assert (recipe.prompt, recipe.steps, recipe.sampler, recipe.seed) == ("a dog", 5, "Euler a", 99)
    assert (recipe.hires_scale, recipe.checkpoint, recipe.negative_prompt) == (1.0, "toy-a", "blue")
    _, painted = image(studio, infotext=TEXT.replace(", Hires upscale: 1.5, Hires upscaler: Lanczos", ""))
    assert painted.denoising_strength == 0.4


def test_a_model_of_an_infotext_that_is_not_here_is_said(studio: Studio) -> None:
    planned = plan(studio, TextToImage(infotext=TEXT.replace("toy-b", "elsewhere")))
    assert planned.recipe.checkpoint == "auto" and "elsewhere" in planned.comments[0]


def test_what_has_no_counterpart_is_said_and_what_clients_always_send_is_not(studio: Studio) -> None:
    usual = {"restore_faces": False, "s_churn": 0, "s_noise": 1, "eta": 1.0, "hr_checkpoint_name": None}
    assert plan(studio, TextToImage(**usual)).comments == ()
    odd = {"restore_faces": True, "s_churn": 5, "styles": ["nonsense"], "override_settings": {"unheard_of": 1}}
    said = " ".join(plan(studio, TextToImage(**odd)).comments)
    assert all(word in said for word in ("restore_faces", "s_churn", "nonsense", "unheard_of"))


def test_seeds_count_up_over_all_jobs(studio: Studio) -> None:
    planned = plan(studio, TextToImage(seed=10, batch_size=2, n_iter=3))
    assert [(recipe.seed, count) for _, recipe, count in planned.orders()] == [(10, 2), (12, 2), (14, 2)]
    varied = plan(studio, TextToImage(seed=10, subseed=20, subseed_strength=0.1, n_iter=2))
    assert [(recipe.seed, recipe.variation_seed) for _, recipe, _ in varied.orders()] == [(10, 20), (10, 21)]
    rolled = [recipe.seed for _, recipe, _ in plan(studio, TextToImage(n_iter=3)).orders()]
    assert rolled[1:] == [rolled[0] + 1, rolled[0] + 2]


def test_several_sources_are_made_one_after_the_other(studio: Studio) -> None:
    sources = [as_base64(picture(colour=colour)) for colour in ("red", "blue")]
    planned = plan(studio, ImageToImage(init_images=sources, seed=1, n_iter=2))
    made = list(planned.orders())
    assert [recipe.seed for _, recipe, _ in made] == [1, 2, 3, 4]
    assert made[0][1].source == made[2][1].source != made[1][1].source


def test_overrides_stay_only_when_asked_to(studio: Studio) -> None:
    from studio.accounts import ClientOptions

    kept = ClientOptions(studio.database)
    text(studio, override_settings={"n_rows": 3})
    assert kept.of(LOCAL_OWNER) == {}
    text(studio, override_settings={"n_rows": 3}, override_settings_restore_afterwards=False)
    assert kept.of(LOCAL_OWNER) == {"n_rows": 3}
    kept.change(LOCAL_OWNER, {"n_rows": -1})


def test_sizes_are_checked_before_anything_grows_to_them(studio: Studio) -> None:
    with pytest.raises(InvalidField, match="width: "):
        image(studio, mask=as_base64(Image.new("L", (96, 64), 255)), width=10**9, height=64, inpaint_full_res=False)
