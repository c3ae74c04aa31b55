"""What SillyTavern, Open WebUI and an editor's plug-in do, request by request."""

from __future__ import annotations

import base64
import io
import json

import httpx
from PIL import Image

from tests.sdapi.conftest import as_base64, images_of, picture
from tests.sdapi.recorded import KRITA, OPEN_WEBUI, SILLY_TAVERN
from tests.servers import Server, wait_for_job


def test_silly_tavern(anna: httpx.Client) -> None:
    api = "/sdapi/v1"
    assert anna.get(f"{api}/options").status_code == 200, "its ping"
    upscalers = [one["name"] for one in anna.get(f"{api}/upscalers").json()]
    latent = [one["name"] for one in anna.get(f"{api}/latent-upscale-modes").json()]
    assert upscalers[0] == "None" and SILLY_TAVERN["hr_upscaler"] in latent
    assert isinstance([one["model_name"] for one in anna.get(f"{api}/sd-vae").json()], list)
    assert {"name", "label"} <= set(anna.get(f"{api}/schedulers").json()[0])
    title = next(one["title"] for one in anna.get(f"{api}/sd-models").json() if one["model_name"] == "toy-b")
    assert anna.post(f"{api}/options", json={"sd_model_checkpoint": title}).status_code == 200
    state = anna.get(f"{api}/progress").json()
    assert state["progress"] == 0.0 and state["state"]["job_count"] == 0, "it polls until the model is there"
    answer = anna.post(f"{api}/txt2img", json=SILLY_TAVERN)
    assert answer.status_code == 200, answer.text
    told = json.loads(answer.json()["info"])
    assert Image.open(io.BytesIO(base64.b64decode(answer.json()["images"][0]))).size == (192, 96)
    assert told["sd_model_name"] == "toy-b" and told["clip_skip"] == 2
    assert "Schedule type: Karras" in told["infotexts"][0] and "Hires steps: 2" in told["infotexts"][0]
    found = anna.get("/api/v1/images", params={"query": "portrait forest"}).json()
    assert found["total"] == 1, "save_images keeps it in the gallery"
    assert anna.post(f"{api}/interrupt").json() == {}
    anna.post(f"{api}/options", json={"sd_model_checkpoint": "toy-a"})


def test_open_webui(ben: httpx.Client) -> None:
    api = "/sdapi/v1"
    assert ben.get(f"{api}/options").status_code == 200
    models = {one["model_name"]: one["title"] for one in ben.get(f"{api}/sd-models").json()}
    everything = ben.get(f"{api}/options").json()
    assert ben.post(f"{api}/options", json=everything).status_code == 200, "all options back, none changed"
    assert ben.get(f"{api}/options").json() == everything
    everything["sd_model_checkpoint"] = models["toy-b"]
    answer = ben.post(f"{api}/options", json=everything)
    assert answer.status_code == 200 and answer.json() is None
    assert ben.get(f"{api}/options").json()["sd_model_checkpoint"] == models["toy-b"]
    made = ben.post(f"{api}/txt2img", json=OPEN_WEBUI).json()
    assert [image.size for image in images_of(made)] == [(128, 128)] * 2
    assert json.loads(made["info"])["sd_model_name"] == "toy-b"
    assert ben.get("/api/v1/images", params={"query": "snow"}).json()["total"] == 0
    ben.post(f"{api}/options", json={"sd_model_checkpoint": models["toy-a"]})


def test_an_empty_authorization_is_no_bad_request(server: Server) -> None:
    with server.client() as client:
        answer = client.get("/sdapi/v1/options", headers={"authorization": ""})
    assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Basic ")
    assert {"error", "detail", "body", "errors"} <= set(answer.json())


def test_an_editor_paints_in_a_picture(anna: httpx.Client) -> None:
    mask = Image.new("L", (100, 60), 0)
    mask.paste(255, (0, 0, 50, 60))
    source = as_base64(picture(100, 60), "data:image/png;base64,")
    answer = anna.post("/sdapi/v1/img2img", json={**KRITA, "init_images": [source], "mask": as_base64(mask)})
    assert answer.status_code == 200, answer.text
    (image,) = images_of(answer.json())
    assert image.size == (128, 128), "painting the whole picture makes it as large as was asked"
    assert image.getpixel((120, 64)) == (255, 0, 0) and image.getpixel((20, 64)) != (255, 0, 0)


def test_a_job_of_the_page_is_neither_seen_nor_stopped(anna: httpx.Client) -> None:
    recipe = {"prompt": "of the page", "steps": 40, "width_px": 64, "height_px": 64}
    job = anna.post("/api/v1/jobs", json={"recipe": recipe}).json()
    assert anna.get("/sdapi/v1/progress").json()["state"]["job_count"] == 0
    anna.post("/sdapi/v1/interrupt")
    anna.post("/sdapi/v1/skip")
    assert wait_for_job(anna, job["id"])["state"] == "done"
