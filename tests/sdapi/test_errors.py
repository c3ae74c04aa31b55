"""Every refusal: A1111's status, and JSON that says what to change."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from PIL import Image

from tests.sdapi.conftest import as_base64, picture
from tests.servers import Server

RED = as_base64(picture())
SMALL = {"width": 64, "height": 64, "steps": 1}
WITH_RED = {"init_images": [RED]}

REFUSALS: list[tuple[str, dict[str, Any], int, str]] = [
    ("txt2img", {"sampler_name": "nonsense"}, 400, "Sampler not found"),
    ("txt2img", {"sampler_index": "nonsense"}, 400, "Sampler not found"),
    ("txt2img", {"scheduler": "nonsense"}, 400, "Scheduler not found"),
    ("txt2img", {"enable_hr": True, "hr_sampler_name": "nonsense"}, 400, "Sampler not found"),
    ("txt2img", {"script_name": "nonsense"}, 422, "Script 'nonsense' not found"),
    ("txt2img", {"script_name": "sd upscale"}, 422, "Script 'sd upscale' not found"),
    ("txt2img", {"alwayson_scripts": {"ADetailer": {"args": [True]}}}, 422, "always on script ADetailer not found"),
    ("txt2img", {"steps": 0}, 422, "steps: 0 is out of range"),
    ("txt2img", {"cfg_scale": 0}, 422, "cfg_scale: 0 is out of range"),
    ("txt2img", {"seed": 2**40}, 422, "seed: "),
    ("txt2img", {"width": 40}, 422, "width: 40 is out of range"),
    ("txt2img", {"width": "wide"}, 422, "width: "),
    ("txt2img", {"batch_size": 0}, 422, "batch_size: "),
    ("txt2img", {"batch_size": 50, "n_iter": 50}, 422, "n_iter: "),
    ("txt2img", {"prompt": "a\x00b"}, 422, "prompt: "),
    ("txt2img", {"override_settings": {"sd_model_checkpoint": "nonsense"}}, 422, "nonsense"),
    ("txt2img", {"override_settings": {"sd_vae": "nonsense"}}, 422, "nonsense"),
    ("txt2img", {"override_settings": {"randn_source": "dice"}}, 422, "randn_source: "),
    ("txt2img", {"refiner_checkpoint": "toy-b"}, 422, "refiner_checkpoint: "),
    ("txt2img", {"enable_hr": True, "hr_checkpoint_name": "toy-b"}, 422, "hr_checkpoint_name: "),
    ("txt2img", {"enable_hr": True, "hr_upscaler": "nonsense"}, 422, "nonsense"),
    ("txt2img", {"enable_hr": True, "hr_scale": 80}, 422, "hr_scale: "),
    ("img2img", {}, 404, "Init image not found"),
    ("img2img", {"init_images": []}, 404, "Init image not found"),
    ("img2img", {"init_images": ["nonsense"]}, 422, "init_images.0: "),
    ("img2img", {"init_images": ["%%%"]}, 422, "Invalid encoded image"),
    ("img2img", {"init_images": ["http://127.0.0.1/secret.png"]}, 422, "an address is not followed"),
    ("img2img", {"init_images": [RED[: len(RED) // 2]]}, 422, "damaged"),
    ("img2img", {**WITH_RED, "resize_mode": 7}, 422, "resize_mode: "),
    ("img2img", {**WITH_RED, "mask": RED, "inpainting_fill": 9}, 422, "inpainting_fill: "),
    ("img2img", {**WITH_RED, "mask": "https://x/y.png"}, 422, "mask: an address"),
    ("img2img", {**WITH_RED, "script_name": "sd upscale", "script_args": ["", 500]}, 422, "script_args.1: "),
    ("img2img", {**WITH_RED, "script_name": "sd upscale", "script_args": ["", 64, 0, 2]}, 422, "script_args.1: "),
    ("extra-single-image", {"image": ""}, 422, "image: "),
    ("extra-single-image", {"image": RED, "upscaler_1": "nonsense"}, 422, "nonsense"),
    ("extra-single-image", {"image": RED, "upscaler_1": "Lanczos", "upscaling_resize": 50}, 422, "upscaling_resize: "),
    ("extra-single-image", {"image": RED, "gfpgan_visibility": 1}, 422, "gfpgan_visibility: "),
    ("extra-batch-images", {"imageList": []}, 422, "imageList: "),
    ("png-info", {"image": "nonsense"}, 422, "image: "),
    ("interrogate", {"image": RED, "model": "clip"}, 404, "Model not found"),
    ("interrogate", {"image": ""}, 404, "Image not found"),
    ("options", {"sd_model_checkpoint": "nonsense"}, 500, "nonsense"),
    ("options", {"CLIP_stop_at_last_layers": 99}, 422, "CLIP_stop_at_last_layers: "),
    ("options", {"samples_format": "bmp"}, 422, "samples_format: "),
    ("create/embedding", {}, 404, "Not Found"),
    ("train/hypernetwork", {}, 404, "Not Found"),
    ("server-kill", {}, 404, "Not Found"),
    ("nothing", {}, 404, "Not Found"),
]


@pytest.mark.parametrize(("route", "body", "status", "detail"), REFUSALS)
def test_refusals(anna: httpx.Client, route: str, body: dict[str, Any], status: int, detail: str) -> None:
    answer = anna.post(f"/sdapi/v1/{route}", json={**SMALL, **body} if "2img" in route else body)
    told = answer.json()
    assert answer.status_code == status, told
    assert set(told) == {"error", "detail", "body", "errors"} and told["error"] and told["errors"]
    assert detail in told["detail"]
    assert float(answer.headers["x-process-time"]) >= 0


def test_other_methods_and_bodies_that_are_no_json(anna: httpx.Client) -> None:
    for answer, status in (
        (anna.get("/sdapi/v1/txt2img"), 405),
        (anna.post("/sdapi/v1/txt2img", content=b"{", headers={"content-type": "application/json"}), 422),
        (anna.post("/sdapi/v1/txt2img", json=[1]), 422),
        (anna.get("/internal/nothing"), 404),
    ):
        assert answer.status_code == status and answer.json()["errors"]


def test_a_picture_that_fails_says_why(anna: httpx.Client) -> None:
    answer = anna.post("/sdapi/v1/txt2img", json={**SMALL, "prompt": "!memory", "steps": 4})
    assert answer.status_code == 500 and "9000 MB" in answer.json()["errors"]


def test_a_picture_beyond_what_may_be_sent_is_refused(server: Server, anna: httpx.Client) -> None:
    huge = Image.new("1", (30_000, 20_000))
    answer = anna.post("/sdapi/v1/img2img", json={**SMALL, "init_images": [as_base64(huge)]})
    assert answer.status_code == 422 and "too many pixels" in answer.json()["errors"]


def test_nulls_and_unknown_fields_are_nothing(anna: httpx.Client) -> None:
    described = anna.get("/api/v1/openapi.json").json()["components"]["schemas"]["TextToImage"]["properties"]
    nulls = dict.fromkeys(described, None)
    answer = anna.post("/sdapi/v1/txt2img", json={**nulls, **SMALL, "unheard_of": {"a": 1}})
    assert answer.status_code == 200, answer.text
    assert answer.json()["parameters"]["steps"] == 1 and answer.json()["parameters"]["sampler_index"] == "Euler"


@pytest.mark.parametrize("path", ["/sdapi/v1/samplers", "/sdapi/v1/options", "/internal/ping", "/sdapi/v1/progress"])
def test_every_answer_tells_its_time(anna: httpx.Client, path: str) -> None:
    assert float(anna.get(path).headers["x-process-time"]) >= 0
