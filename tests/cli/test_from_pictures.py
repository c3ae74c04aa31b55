"""``studio generate`` and ``studio finish`` on pictures: as a person runs them, with a server and without."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.test_commands import studio
from tests.servers import Server, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, toy_models: Path) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("pictures") / "home", "--models", str(toy_models)) as server:
        server.wait_until_ready()
        yield server


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    for name, colour in (("a", "red"), ("b", "blue")):
        (folder / "in").mkdir(exist_ok=True)
        (folder / "masks").mkdir(exist_ok=True)
        Image.new("RGB", (96, 64), colour).save(folder / "in" / f"{name}.png")
        mask = Image.new("L", (96, 64))
        mask.paste(255, (20, 20, 60, 40))
        mask.save(folder / "masks" / f"{name}.png")
    return folder


def recipe_in(file: Path) -> dict[str, object]:
    with Image.open(file) as picture:
        recipe: dict[str, object] = json.loads(picture.text["latent-studio"])["recipe"]
    return recipe


def test_a_picture_and_a_mask_through_a_worker_of_its_own(tmp_path: Path, toy_models: Path, files: Path) -> None:
    answer = studio(
        *("generate", "a cat", "--init", str(files / "in" / "a.png"), "--mask", str(files / "masks" / "a.png")),
        *("--strength", "0.5", "--steps", "4", "--blur", "2,3", "--seed", "1", "--model", "toy-a"),
        *("--home", str(tmp_path / "home"), "--models", str(toy_models)),
    )
    assert answer.returncode == 0, answer.stderr
    recipe = recipe_in(Path(answer.stdout.strip()))
    assert (recipe["mode"], recipe["denoising_strength"], recipe["mask_blur_y_px"]) == ("inpaint", 0.5, 3)
    with Image.open(tmp_path / "home" / "blobs" / str(recipe["mask"])[:2] / str(recipe["mask"])) as mask:
        assert (mask.mode, mask.size) == ("L", (96, 64))


def test_a_folder_with_masks_is_a_job_a_file_from_a_running_server(server: Server, files: Path, tmp_path: Path) -> None:
    words = ("generate", "a dog", "--init", str(files / "in"), "--mask", str(files / "masks"), "--steps", "2")
    answer = studio(*words, "--home", str(server.home), "--out", str(tmp_path))
    assert answer.returncode == 0, answer.stderr
    made = [Path(line) for line in answer.stdout.splitlines()]
    assert [file.name[:2] for file in made] == ["a-", "b-"]
    recipes = [recipe_in(file) for file in made]
    assert all(recipe["mode"] == "inpaint" for recipe in recipes)
    assert len({str(recipe["source"]) for recipe in recipes}) == 2
    with server.client() as client:
        assert client.get("/api/v1/images", params={"query": "dog"}).json()["total"] == 2


def test_one_bad_file_of_a_folder_is_named_and_stops_no_other(server: Server, files: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "a.png").write_bytes((files / "in" / "a.png").read_bytes())
    (folder / "broken.png").write_bytes((files / "in" / "a.png").read_bytes()[:60])
    answer = studio("generate", "x", "--init", str(folder), "--steps", "2", "--home", str(server.home))
    assert answer.returncode == 1
    assert len(answer.stdout.splitlines()) == 1
    assert "broken.png: source" in answer.stderr and "1 of 2 files" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_finish_takes_no_checkpoint_and_keeps_the_original(server: Server, files: Path, tmp_path: Path) -> None:
    source = files / "in" / "a.png"
    before = source.read_bytes()
    words = ("finish", str(source), "--upscaler", "Nearest", "--upscale", "3", "--brightness", "-0.25")
    answer = studio(*words, "--home", str(server.home), "--out", str(tmp_path))
    assert answer.returncode == 0, answer.stderr
    recipe = recipe_in(Path(answer.stdout.strip()))
    assert (recipe["mode"], recipe["checkpoint"], recipe["upscaler"], recipe["upscale"]) == ("finish", "", "Nearest", 3)
    assert recipe["brightness"] == -0.25
    assert source.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("generate",), "prompt"),
        (("generate", "x", "--mask", "IN/a.png"), "--init"),
        (("generate", "x", "--outpaint", "8,8,8,8"), "--init"),
        (("generate", "x", "--mode", "image"), "source"),
        (("generate", "x", "--init", "IN/a.png", "--mode", "inpaint"), "nothing to paint"),
        (("generate", "x", "--init", "IN/a.png", "--masked-content", "jam"), "latent_noise"),
        (("generate", "x", "--init", "IN/a.png", "--mode", "finish"), "nothing to finish"),
        (("generate", "x", "--hires-scale", "2", "--hires-upscaler", "none such"), "Latent"),
        (("finish", "IN/a.png"), "nothing to finish"),
        (("finish", "IN/none.png", "--contrast", "1"), "none.png"),
        (("finish", "IN/a.png", "--upscaler", "none such"), "Lanczos"),
    ],
)
def test_an_error_is_one_sentence(server: Server, files: Path, words: tuple[str, ...], said: str) -> None:
    answer = studio(*(word.replace("IN", str(files / "in")) for word in words), "--home", str(server.home))
    assert answer.returncode == 1
    assert answer.stderr.startswith("studio: ") and said in answer.stderr
    assert "Traceback" not in answer.stderr and not answer.stdout
