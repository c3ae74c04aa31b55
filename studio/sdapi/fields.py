"""Which field of a recipe stands for which of A1111's, in both directions: for values, and for errors that name one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from studio.errors import InvalidField, PromptError

DIRECT = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "seed": "seed",
    "subseed": "variation_seed",
    "subseed_strength": "variation_strength",
    "steps": "steps",
    "cfg_scale": "guidance_scale",
}
"""Fields whose value goes into the recipe as it is."""

SECOND_PASS = {
    "hr_scale": "hires_scale",
    "hr_second_pass_steps": "hires_steps",
    "hr_prompt": "hires_prompt",
    "hr_negative_prompt": "hires_negative_prompt",
}

OF_MASKS = {
    "inpaint_full_res_padding": "masked_padding_px",
    "mask_blur_x": "mask_blur_x_px",
    "mask_blur_y": "mask_blur_y_px",
}

_NAMES = {
    **{target: name for name, target in {**DIRECT, **SECOND_PASS, **OF_MASKS}.items()},
    "width_px": "width",
    "height_px": "height",
    "hires_width_px": "hr_resize_x",
    "hires_height_px": "hr_resize_y",
    "hires_upscaler": "hr_upscaler",
    "hires_sampler": "hr_sampler_name",
    "hires_denoising_strength": "denoising_strength",
    "source": "init_images",
    "upscale": "upscaling_resize",
    "upscaler": "upscaler_1",
    "schedule": "scheduler",
    "seed_resize_width_px": "seed_resize_from_w",
    "seed_resize_height_px": "seed_resize_from_h",
    "checkpoint": "sd_model_checkpoint",
    "vae": "sd_vae",
    "clip_skip": "CLIP_stop_at_last_layers",
    "count": "batch_size",
}


@contextmanager
def named_as_sent() -> Iterator[None]:
    """Have errors name the field as the client sent it."""
    try:
        yield
    except PromptError as error:
        raise PromptError(_NAMES.get(error.field, error.field), error.plain_message, error.column) from error
    except InvalidField as error:
        raise type(error)(_NAMES.get(error.field, error.field), error.message, error.allowed) from error
