"""A picture from a picture over HTTP: upload, inpaint, nothing changed outside the mask, and the lineage says so."""

from __future__ import annotations

import io
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.servers import running_server, wait_for_job


def ordered(client: httpx.Client, **recipe: object) -> str:
    """The id of the one image of a job that ends well."""
    answer = client.post("/api/v1/jobs", json={"recipe": {"steps": 4, "checkpoint": "toy-a", "seed": 3, **recipe}})
    assert answer.status_code == 202, answer.text
    job = wait_for_job(client, answer.json()["id"], timeout_s=120)
    assert job["state"] == "done", job
    return str(job["pictures"][0]["image_id"])  # type: ignore[index]


def pixels(client: httpx.Client, image_id: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with Image.open(io.BytesIO(client.get(f"/api/v1/images/{image_id}/file").content)) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize("engine", ["fake", "torch"])
def test_inpainting_a_picture_of_the_gallery(tmp_path: Path, toy_models: Path, engine: str) -> None:
    mask = Image.new("L", (128, 128))
    mask.paste(255, (40, 40, 72, 72))
    file = io.BytesIO()
    mask.save(file, "PNG")
    with (
        running_server(tmp_path / "home", "--models", str(toy_models), engine=engine) as server,
        server.client() as client,
    ):
        first = ordered(client, prompt="a cat", width_px=128, height_px=128)
        source = client.post(f"/api/v1/sources/from-image/{first}").json()
        stored = client.post("/api/v1/sources", params={"kind": "mask"}, content=file.getvalue()).json()
        start = {"source": source["sha256"], "source_image": first, "mask": stored["sha256"]}
        recipe = {"prompt": "a dog", "mode": "inpaint", "mask_blur_x_px": 2, "mask_blur_y_px": 2, "seed": 9}
        second = ordered(client, **recipe, **start, denoising_strength=1.0)
        changed = (pixels(client, first) != pixels(client, second)).any(axis=2)
        assert changed[44:68, 44:68].any()
        outside = np.ones((128, 128), bool)
        outside[34:78, 34:78] = False
        assert not changed[outside].any()
        back = client.get(f"/api/v1/images/{second}/lineage").json()["parents"]
        forth = client.get(f"/api/v1/images/{first}/lineage").json()["children"]
        assert ([image["id"] for image in back], [image["id"] for image in forth]) == ([first], [second])
        # A source that is gone is refused in words before anything is queued.
        for blob in (server.home / "blobs").rglob(source["sha256"]):
            blob.unlink()
        refused = client.post("/api/v1/jobs", json={"recipe": {**recipe, **start}})
        assert refused.status_code == 404 and "again" in refused.json()["error"]["message"]


def test_a_second_pass_wears_the_loras_of_its_own_prompt(tmp_path: Path) -> None:
    """Over HTTP with the checkpoint and the LoRA that ship, as a person orders it, and told in the picture's text."""
    lora = "<lora:starter-ink:1>"
    second = {"checkpoint": "starter", "prompt": "3d cat face", "hires_scale": 1.5, "hires_steps": 2, "exact": True}
    with running_server(tmp_path / "home", engine="torch") as server, server.client() as client:
        made = []
        for prompt in ("", "3d cat face", f"3d cat face {lora}"):
            image_id = ordered(client, **second, hires_prompt=prompt, hires_denoising_strength=0.6)
            made.append((pixels(client, image_id), client.get(f"/api/v1/images/{image_id}").json()))
    (plain, _), (same, said_nothing), (worn, said) = made
    assert np.array_equal(plain, same) and not np.array_equal(plain, worn)
    assert "starter-ink" in said["infotext"] and "starter-ink" not in said_nothing["infotext"]
    assert [one["name"] for one in said["recipe"]["hires_adapters"]] == ["starter-ink"]
