"""The client that scripts use, `webuiapi`, unchanged: its main flows with the real engine, its login with the fake."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import webuiapi
from PIL import Image

from tests.sdapi.conftest import PASSWORD
from tests.servers import Server, running_server, wait_for_job

SIZE = {"width": 128, "height": 128}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, toy_models: Path) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("webuiapi") / "home"
    with running_server(home, "--models", str(toy_models), engine="torch") as server:
        server.wait_until_ready()
        yield server


@pytest.fixture
def api(real: Server) -> webuiapi.WebUIApi:
    return webuiapi.WebUIApi(baseurl=f"{real.address}/sdapi/v1", steps=2)


def test_every_list(api: webuiapi.WebUIApi) -> None:
    assert api.get_upscalers()[0]["name"] == "None" and api.get_upscalers()[1]["name"] == "Lanczos"
    assert {"Latent", "Latent (nearest-exact)"} <= {mode["name"] for mode in api.get_latent_upscale_modes()}
    assert {"Euler a", "DPM++ 2M", "DDIM"} <= set(api.util_get_sampler_names())
    assert {"automatic", "karras", "sgm_uniform"} <= set(api.util_get_scheduler_names())
    assert [title for title in api.util_get_model_names() if title.startswith(("toy-a [", "toy-b ["))]
    assert set(api.get_embeddings()) == {"loaded", "skipped"}
    assert api.get_loras()[0]["metadata"]
    assert {"name", "prompt", "negative_prompt"} == set(api.get_prompt_styles()[0])
    assert api.get_scripts() == {"txt2img": [], "img2img": ["sd upscale", "soft inpainting"]}
    assert not (api.has_controlnet or api.has_adetailer or api.has_animatediff)
    assert api.get_memory()["ram"]["total"] > 0
    assert api.get_hypernetworks() == api.get_face_restorers() == api.get_realesrgan_models() == []
    assert isinstance(api.get_sd_vae(), list) and isinstance(api.get_cmd_flags(), dict)


def test_the_same_picture_as_by_our_own_route(api: webuiapi.WebUIApi, real: Server) -> None:
    theirs = api.txt2img(prompt="a cat", negative_prompt="blue", seed=7, cfg_scale=5, scheduler="karras", **SIZE)
    recipe = {"prompt": "a cat", "negative_prompt": "blue", "seed": 7, "guidance_scale": 5, "steps": 2}
    recipe |= {"sampler": "Euler a", "schedule": "Karras", "width_px": 128, "height_px": 128, "clip_skip": 1}
    with real.client() as client:
        job = client.post("/api/v1/jobs", json={"recipe": recipe}).json()
        made = wait_for_job(client, job["id"])["pictures"][0]["image_id"]  # type: ignore[index]
        ours = client.get(f"/api/v1/images/{made}/file").content
        path = real.home / "ours.png"
        path.write_bytes(ours)
        assert client.get("/api/v1/images").json()["total"] == 1, "what was not to be saved is not in the gallery"
    with Image.open(path) as mine:
        assert mine.info["parameters"] == theirs.info["infotexts"][0] == theirs.image.info["parameters"]
        difference = np.abs(np.asarray(mine, np.int16) - np.asarray(theirs.image, np.int16))
    assert difference.max() <= 1
    assert theirs.info["all_seeds"] == [7] and theirs.info["sd_model_name"] == "toy-a"
    assert theirs.parameters["prompt"] == "a cat" and theirs.parameters["hr_scale"] == 2


def test_image_to_image_and_inpainting(api: webuiapi.WebUIApi) -> None:
    rng = np.random.default_rng(1)
    source = Image.fromarray(rng.integers(0, 255, (128, 128, 3), np.uint8))
    varied = api.img2img(images=[source], prompt="a dog", denoising_strength=0.3, seed=1, **SIZE)
    assert varied.image.size == (128, 128) and "init_images" in varied.parameters
    assert varied.parameters["init_images"] is None
    mask = Image.new("L", source.size, 0)
    mask.paste(255, (48, 48, 80, 80))
    painted = api.img2img(images=[source], mask_image=mask, mask_blur=2, inpainting_fill=1, prompt="a dog", **SIZE)
    changed = np.abs(np.asarray(painted.image, np.int16) - np.asarray(source, np.int16)).max(axis=2) > 0
    assert changed[48:80, 48:80].any() and not changed[:40].any() and not changed[:, 90:].any()


def test_sd_upscale_makes_a_larger_picture_in_tiles(api: webuiapi.WebUIApi) -> None:
    source = Image.fromarray(np.random.default_rng(2).integers(0, 255, (96, 160, 3), np.uint8))
    script = {"script_name": "SD upscale", "script_args": ["", 32, "Lanczos", 2.0]}
    order = {"images": [source], "prompt": "a face", "denoising_strength": 0.4, "seed": 3, **script, **SIZE}
    made, again = api.img2img(**order), api.img2img(**order)
    assert made.image.size == (320, 192)
    assert made.info["extra_generation_params"]["SD upscale overlap"] == "32"
    difference = np.abs(np.asarray(made.image, np.int16) - np.asarray(again.image, np.int16))
    assert difference.max() <= 1, "the seeds of tiles are the request's"


def test_extras_and_png_info(api: webuiapi.WebUIApi) -> None:
    made = api.txt2img(prompt="a red face", seed=5, **SIZE).image
    larger = api.extra_single_image(made, upscaler_1="Lanczos", upscaling_resize=1.5)
    assert larger.image.size == (192, 192) and "Lanczos" in larger.info
    assert larger.image.info["parameters"] == made.info["parameters"] and larger.image.info["postprocessing"]
    batch = api.extra_batch_images(
        [made, made], upscaler_1="Lanczos", resize_mode=1, upscaling_resize_w=200, upscaling_resize_h=160
    )
    assert [image.size for image in batch.images] == [(200, 160), (200, 160)]
    told = api.png_info(made)
    assert told.info == made.info["parameters"] and told.parameters["Seed"] == "5"
    assert told.parameters["Prompt"] == "a red face" and "latent-studio" in told.json["items"]
    with pytest.raises(RuntimeError, match="404"):
        api.interrogate(made)


def test_options_and_changing_the_checkpoint(api: webuiapi.WebUIApi) -> None:
    assert api.set_options(api.get_options()) is None
    api.util_set_model("toy-b")
    assert api.util_get_current_model().startswith("toy-b [")
    assert api.txt2img(prompt="a cat", **SIZE).info["sd_model_name"] == "toy-b"
    api.set_options({"sd_model_checkpoint": "toy-a"})
    assert api.get_options()["sd_checkpoint_hash"] == api.get_sd_models()[0]["sha256"]
    assert api.refresh_checkpoints() is None


def test_progress_and_interrupt(api: webuiapi.WebUIApi) -> None:
    api.util_wait_for_ready(0.05)
    assert api.get_progress()["current_image"] is None
    made: list[webuiapi.WebUIApiResult] = []
    order = {"prompt": "a cat", "steps": 150, "batch_size": 1, "n_iter": 3, **SIZE}
    thread = threading.Thread(target=lambda: made.append(api.txt2img(**order)))
    thread.start()
    seen = []
    while not seen or not seen[-1]["current_image"]:
        seen.append(api.get_progress())
        time.sleep(0.02)
    assert seen[-1]["state"]["job_count"] == 3 and 0 < seen[-1]["progress"] < 1
    assert seen[-1]["state"]["sampling_steps"] == 150
    assert api.interrupt() == {}
    thread.join(30)
    assert len(made[0].images) < 3, "what was not finished is not answered"
    api.util_wait_for_ready(0.05)


def test_its_login_is_an_account(server: Server) -> None:
    address = f"{server.address}/sdapi/v1"
    api = webuiapi.WebUIApi(baseurl=address, username="ben", password=PASSWORD, steps=2)
    assert api.txt2img(prompt="x", width=64, height=64).image.size == (64, 64)
    stranger = webuiapi.WebUIApi(baseurl=address)
    with pytest.raises(RuntimeError, match="401"):
        stranger.txt2img(prompt="x")
