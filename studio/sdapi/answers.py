"""Answers to requests for pictures: the pictures in base64, the request repeated, and ``info`` as a JSON string."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from PIL import Image as Pillow

from studio import __version__
from studio.pictures.formats import encode, find_format
from studio.recipe.infotext import split
from studio.recipe.metadata import INFOTEXT_KEYWORD
from studio.recipe.parameter_line import pairs_in
from studio.sdapi.images import encoded, encoded_png
from studio.sdapi.making import Finished
from studio.sdapi.options import Chosen
from studio.sdapi.schemas import Generation
from studio.sdapi.translation import Plan

_FORMATS = {"jpg": "jpeg"}
_BASIC_KEYS = frozenset(
    (
        *("Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Model hash", "Model", "VAE hash", "VAE"),
        *("Variation seed", "Variation seed strength", "Seed resize from", "Denoising strength", "Clip skip", "ENSD"),
        *("Version", "Mode", "Init image hash", "RNG"),
    )
)
"""What ``info`` says in keys of its own, or A1111 does not count among the extra ones."""


def answer(
    request: Generation, plan: Plan, made: Sequence[Finished], began_at: datetime, comments: Sequence[str] = ()
) -> dict[str, Any]:
    """The whole answer."""
    has_grid = _wants_grid(request, plan, made)
    images: list[str] = []
    if request.send_images:
        if has_grid:
            images.append(_grid(made, plan.chosen["n_rows"]))
        images += [encoded_as(one.png, plan.chosen) for one in made]
    told = info(plan, made, began_at, 1 if has_grid else 0, [*plan.comments, *comments])
    return {"images": images, "parameters": request.echo(), "info": json.dumps(told)}


def encoded_as(png: bytes, chosen: Chosen) -> str:
    """A finished picture in the format that the client has set, with its texts."""
    name = chosen["samples_format"]
    picked = find_format(_FORMATS.get(name, name))
    if picked.name == "png":
        return encoded(png)
    with Pillow.open(io.BytesIO(png), formats=("PNG",)) as image:
        image.load()
        texts = {str(keyword): text for keyword, text in image.info.items() if isinstance(text, str)}
        quality = chosen["jpeg_quality"] if picked.name == "jpeg" else None
        return encoded(encode(image, picked, quality, texts))


def info(
    plan: Plan, made: Sequence[Finished], began_at: datetime, first: int, comments: Sequence[str]
) -> dict[str, Any]:
    """What A1111 tells of the pictures; of one of several in lists, of the first in the others."""
    recipes = [one.recipe for one in made]
    recipe = recipes[0] if recipes else None
    asked = plan.recipe
    return {
        "prompt": recipe.prompt if recipe else asked.prompt,
        "all_prompts": [one.prompt for one in recipes],
        "negative_prompt": recipe.negative_prompt if recipe else asked.negative_prompt,
        "all_negative_prompts": [one.negative_prompt for one in recipes],
        "seed": recipe.seed if recipe else asked.seed,
        "all_seeds": [one.seed for one in recipes],
        "subseed": recipe.variation_seed if recipe else asked.variation_seed,
        "all_subseeds": [one.variation_seed for one in recipes],
        "subseed_strength": asked.variation_strength,
        "width": recipe.width_px if recipe else asked.width_px,
        "height": recipe.height_px if recipe else asked.height_px,
        "sampler_name": recipe.sampler if recipe else asked.sampler,
        "cfg_scale": recipe.guidance_scale if recipe else asked.guidance_scale,
        "steps": recipe.steps if recipe else asked.steps,
        "batch_size": plan.batch_size,
        "restore_faces": False,
        "face_restoration_model": None,
        "sd_model_name": recipe.checkpoint if recipe else None,
        "sd_model_hash": recipe.checkpoint_sha256[:10] if recipe else None,
        "sd_vae_name": recipe.vae if recipe and recipe.vae_sha256 else None,
        "sd_vae_hash": recipe.vae_sha256[:10] if recipe and recipe.vae_sha256 else None,
        "seed_resize_from_w": asked.seed_resize_width_px,
        "seed_resize_from_h": asked.seed_resize_height_px,
        "denoising_strength": _strength(plan, recipe.has_second_pass if recipe else False),
        "extra_generation_params": _extra(made[0].infotext) if made else {},
        "index_of_first_image": first,
        "infotexts": [made[0].infotext] * first + [one.infotext for one in made] if made else [],
        "styles": list(plan.styles),
        "job_timestamp": began_at.strftime("%Y%m%d%H%M%S"),
        "clip_skip": recipe.clip_skip if recipe else 1,
        "is_using_inpainting_conditioning": False,
        "version": f"latent-studio {__version__}",
        "comments": list(comments),
    }


def _strength(plan: Plan, has_second_pass: bool) -> float | None:
    if plan.starts:
        return float(plan.recipe.with_fields(plan.starts[0]).denoising_strength)
    return plan.recipe.hires_denoising_strength if has_second_pass else None


def _extra(infotext: str) -> dict[str, str]:
    return {key: value for key, value in pairs_in(split(infotext)[2]) if key not in _BASIC_KEYS}


def _wants_grid(request: Generation, plan: Plan, made: Sequence[Finished]) -> bool:
    asked = request.save_images and not request.do_not_save_grid and plan.chosen["return_grid"]
    return bool(asked and len(made) > 1 and plan.upscale is None)


def _grid(made: Sequence[Finished], rows: int) -> str:
    """All pictures on one, as near to a square as they go; with the text of the first."""
    pictures = [Pillow.open(io.BytesIO(one.png), formats=("PNG",)).convert("RGB") for one in made]
    rows = min(len(pictures), rows if rows > 0 else round(math.sqrt(len(pictures))))
    columns = math.ceil(len(pictures) / rows)
    width_px, height_px = pictures[0].size
    sheet = Pillow.new("RGB", (columns * width_px, rows * height_px))
    for place, picture in enumerate(pictures):
        sheet.paste(picture, (place % columns * width_px, place // columns * height_px))
    return encoded_png(sheet, {INFOTEXT_KEYWORD: made[0].infotext})
