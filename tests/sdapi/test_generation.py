"""What comes back, and what is kept: grids, formats, saving, sending, the text beside the pictures."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.sdapi.conftest import as_base64, images_of, ordered, picture


def total(client: httpx.Client, words: str) -> int:
    count: int = client.get("/api/v1/images", params={"query": words}).json()["total"]
    return count


def test_info_says_it_all(anna: httpx.Client) -> None:
    made = ordered(anna, "txt2img", prompt="a fox", negative_prompt="red", seed=40, batch_size=2, n_iter=2)
    info = made["info"]
    assert set(info) >= {
        *("prompt", "all_prompts", "negative_prompt", "all_negative_prompts", "seed", "all_seeds", "subseed"),
        *("all_subseeds", "subseed_strength", "width", "height", "sampler_name", "cfg_scale", "steps", "batch_size"),
        *("restore_faces", "face_restoration_model", "sd_model_name", "sd_model_hash", "sd_vae_name", "sd_vae_hash"),
        *("seed_resize_from_w", "seed_resize_from_h", "denoising_strength", "extra_generation_params"),
        *("index_of_first_image", "infotexts", "styles", "job_timestamp", "clip_skip"),
        *("is_using_inpainting_conditioning", "version"),
    }
    assert info["all_seeds"] == [40, 41, 42, 43] and info["all_prompts"] == ["a fox"] * 4
    assert info["index_of_first_image"] == 0 and len(made["images"]) == len(info["infotexts"]) == 4
    assert info["sampler_name"] == "Euler" and info["batch_size"] == 2 and info["sd_model_name"] == "toy-a"
    for image, text in zip(images_of(made), info["infotexts"], strict=True):
        assert image.info["parameters"] == text and image.size == (64, 64)


def test_a_grid_comes_first_when_pictures_are_saved(anna: httpx.Client) -> None:
    order: dict[str, Any] = {"prompt": "grid of foxes", "batch_size": 3, "seed": 1, "save_images": True}
    made = ordered(anna, "txt2img", **order)
    grid, *singles = images_of(made)
    assert grid.size == (128, 128) and [one.size for one in singles] == [(64, 64)] * 3
    assert made["info"]["index_of_first_image"] == 1 and len(made["info"]["infotexts"]) == 4
    assert total(anna, "grid foxes") == 3
    for fields in ({"do_not_save_grid": True}, {"override_settings": {"return_grid": False}}, {"batch_size": 1}):
        again = ordered(anna, "txt2img", **{**order, **fields})
        assert again["info"]["index_of_first_image"] == 0


def test_what_is_not_to_be_saved_or_sent(anna: httpx.Client) -> None:
    for fields, kept, sent in (
        ({}, 0, 1),
        ({"save_images": True, "do_not_save_samples": True}, 0, 1),
        ({"save_images": True, "send_images": False}, 1, 0),
    ):
        made = ordered(anna, "txt2img", prompt=f"thrift {kept}{sent}", **fields)
        assert len(made["images"]) == sent and len(made["info"]["infotexts"]) == 1
        assert total(anna, f"thrift {kept}{sent}") == kept
    assert anna.get("/api/v1/images", params={"binned": True}).json()["total"] == 0


@pytest.mark.parametrize(("name", "format"), [("jpg", "JPEG"), ("webp", "WEBP"), ("png", "PNG")])
def test_formats_carry_the_text(anna: httpx.Client, name: str, format: str) -> None:
    made = ordered(anna, "txt2img", prompt="a fox: red, not grey", override_settings={"samples_format": name})
    (image,) = images_of(made)
    assert image.format == format
    answer = anna.post("/sdapi/v1/png-info", json={"image": made["images"][0]}).json()
    assert answer["info"] == made["info"]["infotexts"][0]
    assert answer["parameters"]["Prompt"] == "a fox: red, not grey"


def test_the_echo_leaves_pictures_out_unless_asked(anna: httpx.Client) -> None:
    order = {"prompt": "x", "init_images": [as_base64(picture())]}
    assert ordered(anna, "img2img", **order)["parameters"]["init_images"] is None
    echoed = ordered(anna, "img2img", **order, include_init_images=True)["parameters"]
    assert echoed["init_images"] == order["init_images"] and echoed["denoising_strength"] == 0.75


def test_sd_upscale_is_one_picture_in_the_gallery(anna: httpx.Client) -> None:
    order = {"init_images": [as_base64(picture(96, 64))], "script_name": "sd upscale"}
    order |= {"script_args": [None, 16, 1, 2], "save_images": True, "n_iter": 2, "seed": 9}
    made = ordered(anna, "img2img", prompt="tiled lake", **order)
    assert [image.size for image in images_of(made)] == [(192, 128)] * 2
    assert total(anna, "tiled lake") == 2, "tiles are not kept"
    assert made["info"]["all_seeds"] == [9, 10]
    assert "SD upscale upscaler: Lanczos" in made["info"]["infotexts"][0]
    one = ordered(anna, "img2img", prompt="plain lake", **{**order, "script_args": [None, 16], "n_iter": 1})
    assert images_of(one)[0].size == (96, 64), "the upscaler None leaves the size"


def test_extras(anna: httpx.Client) -> None:
    def enlarged(**fields: Any) -> Image.Image:
        answer = anna.post("/sdapi/v1/extra-single-image", json={"image": as_base64(picture(40, 20)), **fields})
        assert answer.status_code == 200, answer.text
        return Image.open(io.BytesIO(base64.b64decode(answer.json()["image"])))

    assert enlarged().size == (40, 20), "None leaves it"
    assert enlarged(upscaler_1="Nearest").size == (80, 40)
    assert enlarged(upscaler_1="Lanczos", upscaling_resize=0.5).size == (20, 10)
    to_size = {"upscaler_1": "Lanczos", "resize_mode": 1, "upscaling_resize_w": 80, "upscaling_resize_h": 80}
    assert enlarged(**to_size).size == (80, 80)
    assert enlarged(**to_size, upscaling_crop=False).size == (160, 80)
    mixed = enlarged(upscaler_1="Nearest", upscaler_2="Lanczos", extras_upscaler_2_visibility=0.5)
    assert mixed.size == (80, 40) and mixed.getpixel((40, 20)) == (255, 0, 0)


def test_png_info_of_other_pictures(anna: httpx.Client) -> None:
    def told(image: str) -> dict[str, Any]:
        answer: dict[str, Any] = anna.post("/sdapi/v1/png-info", json={"image": image}).json()
        return answer

    assert told(" ") == {"info": "", "items": {}, "parameters": {}}
    bare = told(as_base64(picture(), "data:image/png;base64,"))
    assert bare["info"] == "" and bare["items"] == {}


def test_a_live_preview_may_be_left_out(anna: httpx.Client) -> None:
    assert anna.get("/sdapi/v1/progress", params={"skip_current_image": True}).json()["current_image"] is None


def test_lists_tell_nothing_of_the_machine(anna: httpx.Client) -> None:
    for path in ("sd-models", "sd-vae", "loras", "upscalers", "embeddings", "options", "cmd-flags", "memory"):
        text = anna.get(f"/sdapi/v1/{path}").text
        assert "/home" not in text and "/tmp" not in text and "secret" not in text.lower()
    assert json.loads(anna.get("/sdapi/v1/extensions").text) == []
    assert {one["name"] for one in anna.get("/sdapi/v1/script-info").json()} == {"sd upscale", "soft inpainting"}
    for path in ("refresh-vae", "refresh-loras", "refresh-embeddings", "unload-checkpoint", "reload-checkpoint"):
        answer = anna.post(f"/sdapi/v1/{path}")
        assert answer.status_code == 200 and answer.json() in (None, {})
    assert anna.get("/internal/ping").json() == {}
