"""Bodies as real clients send them; only prompts and sizes are shorter.

SillyTavern: `generateAutoImage` of its extension `stable-diffusion`, as its server passes it on, with the keys `url`
and `auth` of its own. Open WebUI: `routers/images.py`.
"""

from __future__ import annotations

from typing import Any

SILLY_TAVERN: dict[str, Any] = {
    "url": "http://127.0.0.1:7860",
    "auth": "",
    "prompt": "best quality, portrait of a fox, forest",
    "negative_prompt": "lowres, bad anatomy",
    "sampler_name": "DPM++ 2M Karras",
    "scheduler": "Automatic",
    "steps": 4,
    "cfg_scale": 7,
    "width": 128,
    "height": 64,
    "restore_faces": False,
    "enable_hr": True,
    "hr_upscaler": "Latent",
    "hr_scale": 1.5,
    "hr_additional_steps": 0,
    "denoising_strength": 0.7,
    "hr_second_pass_steps": 2,
    "seed": -1,
    "override_settings": {"CLIP_stop_at_last_layers": 2, "sd_vae": "Automatic"},
    "override_settings_restore_afterwards": True,
    "clip_skip": 2,
    "save_images": True,
    "send_images": True,
    "do_not_save_grid": False,
    "do_not_save_samples": False,
}

OPEN_WEBUI: dict[str, Any] = {
    "prompt": "a fox in the snow",
    "batch_size": 2,
    "width": 128,
    "height": 128,
    "steps": 3,
    "negative_prompt": "text",
    "cfg_scale": 6.5,
    "sampler_name": "Euler a",
    "scheduler": "Karras",
}

KRITA: dict[str, Any] = {
    "sampler_name": "Euler a",
    "scheduler": None,
    "steps": 3,
    "cfg_scale": 7.0,
    "seed": -1,
    "width": 128,
    "height": 128,
    "prompt": "a lake",
    "negative_prompt": "",
    "denoising_strength": 0.6,
    "mask_blur": 4,
    "inpainting_fill": 1,
    "inpaint_full_res": False,
    "inpaint_full_res_padding": 32,
    "inpainting_mask_invert": 0,
    "resize_mode": 0,
    "styles": None,
    "override_settings": None,
    "alwayson_scripts": {},
    "include_init_images": False,
    "save_images": False,
    "batch_size": 1,
    "n_iter": 1,
}
