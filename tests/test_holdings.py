"""A recipe from elsewhere compared with what is here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from studio.errors import InvalidField
from studio.holdings import SAYS_NOTHING, Holdings, lines
from studio.pictures import Picture, to_png
from studio.recipe import Mode, Recipe, resolve
from studio.recipe.metadata import to_png_text
from studio.services import build_holdings
from studio.settings import load_settings
from tests.dialects.recorded import COMFY_CUSTOM, FOOOCUS, FORGE, comfy
from tests.recipe.samples import sample

PIXELS = Picture(np.zeros((64, 64, 3), np.uint8))
LINE = "Steps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 512x512"


@pytest.fixture
def holdings(tmp_path: Path, toy_models: Path) -> Iterator[Holdings]:
    loras = tmp_path / "models"
    loras.mkdir()
    down = {f"lora_unet_x.lora_{name}.weight": np.zeros((4, 4), np.float32) for name in ("down", "up")}
    save_file(down, loras / "glow.safetensors", metadata={"ss_network_module": "networks.lora"})
    built = build_holdings(load_settings(home=tmp_path / "home", models=[toy_models, loras]))
    yield built
    built.library.close()


def test_what_is_here_goes_into_the_recipe_and_what_is_not_stays_out(holdings: Holdings) -> None:
    stock = holdings.read_text(json.dumps(comfy()))
    assert stock.program == "ComfyUI"
    assert {(item.kind, item.found) for item in stock.has} == {
        ("checkpoint", "toy-a"), ("sampler", "DPM++ 2M SDE"), ("schedule", "Karras"), ("lora", "glow"),
    }  # fmt: skip
    assert stock.lacks == []
    assert stock.recipe["prompt"].endswith("bottle <lora:glow:0.8>")


def test_what_is_not_here_is_named_and_the_rest_can_be_made(holdings: Holdings) -> None:
    text = f"a fox <lora:other:1>\n{LINE.replace('Euler', 'HeunPP2')}, Schedule type: Turbo, Model: nowhere, "
    text += "Model hash: 0123456789, Denoising strength: 0.4, Hires upscale: 2, Hires upscaler: 4x-None"
    stock = holdings.read_text(text)
    assert [(item.kind, item.name) for item in stock.lacks] == [
        ("checkpoint", "nowhere"), ("sampler", "HeunPP2"), ("schedule", "Turbo"), ("upscaler", "4x-None"),
        ("lora", "other"),
    ]  # fmt: skip
    assert all(item.name in item.words for item in stock.lacks)
    assert not {"checkpoint", "sampler", "schedule", "hires_upscaler"} & set(stock.recipe)
    assert "<lora:other:1>" in stock.recipe["prompt"], "a person's words stay theirs"
    resolved = resolve(Recipe(**stock.recipe), holdings.offer)
    assert (resolved.steps, resolved.seed, resolved.hires_width_px) == (20, 1, 1024)


def test_models_are_found_by_hash_under_any_name(holdings: Holdings) -> None:
    toy, lora = holdings.library.find("toy-b"), holdings.library.look_up("glow", "lora")
    text = f"a <lora:shiny:0.5:0.2>\n{LINE}, Model: elsewhere, Model hash: {toy.short_hash}, "
    text += f'Lora hashes: "shiny: {lora.sha256[:12]}"'
    stock = holdings.read_text(text)
    assert stock.recipe["checkpoint"] == "toy-b" and stock.recipe["prompt"] == "a <lora:glow:0.5:0.2>"
    assert "called “toy-b”" in next(item.words for item in stock.has if item.kind == "checkpoint")


def test_the_same_name_with_other_weights_is_said(holdings: Holdings) -> None:
    holdings.library.find("toy-a")  # now its hash is known
    stock = holdings.read_text(FORGE)
    checkpoint = next(item for item in stock.has if item.kind == "checkpoint")
    assert "weights are others" in checkpoint.words and stock.recipe["checkpoint"] == "toy-a"
    assert [item.kind for item in stock.lacks] == ["embedding", "vae"]
    assert holdings.read_text(json.dumps(FOOOCUS)).recipe["prompt"].endswith("<lora:glow:0.1>")


def test_a_recipe_that_began_from_a_picture_asks_for_one(holdings: Holdings) -> None:
    for text, mode in (
        (json.dumps(COMFY_CUSTOM), "image"),
        (f"a\n{LINE}, Denoising strength: 0.5, Mask blur: 4", "inpaint"),
    ):
        stock = holdings.read_text(text)
        assert stock.mode == mode and "mode" not in stock.recipe
        assert "choose one" in next(item.words for item in stock.lacks if item.kind == "source")


def test_a_source_that_is_here_is_used_again(holdings: Holdings) -> None:
    source = holdings.sources.put_picture(to_png(PIXELS)).sha256
    recipe = sample(mode=Mode.IMAGE, source=source, source_image="0123", checkpoint="toy-a")
    stock = holdings.read_file(to_png(PIXELS, to_png_text(recipe)))
    assert (stock.recipe["mode"], stock.recipe["source"]) == ("image", source)
    assert "source" in {item.kind for item in stock.has}
    gone = holdings.read_file(to_png(PIXELS, to_png_text(sample(mode=Mode.IMAGE, source="5e" * 32))))
    assert "source" in {item.kind for item in gone.lacks} and "source" not in gone.recipe


def test_our_own_picture_fills_everything_again(holdings: Holdings) -> None:
    recipe = sample(checkpoint="toy-a", checkpoint_sha256="", vae="own", guidance_scale=7.123, clip_skip=2)
    stock = holdings.read_file(to_png(PIXELS, to_png_text(recipe)))
    assert stock.lacks == [] and stock.program == "Latent Studio"
    again = resolve(Recipe(**stock.recipe), holdings.offer)
    unlike = {name for name, value in recipe if getattr(again, name) != value}
    assert unlike <= {"checkpoint_sha256", "family", "schedule"} and again.schedule == "Karras"


def test_files_are_pictures_or_texts(holdings: Holdings) -> None:
    assert holdings.read_file(to_png(PIXELS)).notes == [SAYS_NOTHING]
    assert holdings.read_file(b"\xef\xbb\xbf" + FORGE.encode()).program == "Forge"
    for data in (b"", b"\x00\x01", b"\xff\xfe\xfd", to_png(PIXELS)[:40]):
        with pytest.raises(InvalidField, match="picture"):
            holdings.read_file(data)


def test_lines_say_all_of_it(holdings: Holdings) -> None:
    said = "\n".join(lines(holdings.read_text(FORGE)))
    for words in ("Made with Forge.", "steps: 20", "+ The sampler DPM++ 2M", "- The embedding", "No place for: Beta"):
        assert words in said
