"""What other programs wrote, read as recipes; and what a recipe has no place for, named."""

from __future__ import annotations

import gzip
import io
import json
import random
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from studio.dialects import Part, Reading, read_text, read_texts
from studio.pictures.texts import texts_in
from studio.recipe.metadata import to_png_text
from tests.dialects.recorded import (
    COMFY_CUSTOM,
    COMFY_SECOND_PASS,
    FOOOCUS,
    FORGE,
    INVOKE,
    INVOKE_1,
    INVOKE_2,
    NOVELAI,
    SDNEXT,
    comfy,
)
from tests.recipe.samples import sample


def fields(reading: Reading | None) -> dict[str, Any]:
    assert reading is not None
    return reading.recipe.model_dump(mode="json", exclude_defaults=True)


def png(texts: dict[str, str], mode: str = "RGB") -> bytes:
    info, file = PngInfo(), io.BytesIO()
    for keyword, text in texts.items():
        info.add_text(keyword, text)
    Pillow.new(mode, (8, 8)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def test_comfyui() -> None:
    workflow = json.dumps({"nodes": [], "links": []})
    reading = read_texts(texts_in(png({"prompt": json.dumps(comfy()), "workflow": workflow})))
    assert fields(reading) == {
        "prompt": "beautiful scenery, bottle", "negative_prompt": "text, watermark", "checkpoint": "toy-a",
        "sampler": "DPM++ 2M SDE", "schedule": "Karras", "steps": 20, "guidance_scale": 8.0,
        "seed": 156680208700286 % 2**32, "width_px": 512, "height_px": 768, "clip_skip": 2,
    }  # fmt: skip
    assert reading is not None and reading.program == "ComfyUI"
    assert reading.parts == (Part("lora", "glow", weight=0.8),)
    assert "draws the same noise" in reading.notes[0]


def test_a_long_seed_keeps_its_noise_on_the_cpu() -> None:
    """What the note about ComfyUI's and Fooocus' seeds of 64 bits promises."""
    noise = [torch.randn(9, generator=torch.Generator().manual_seed(seed)) for seed in (2**50 + 7, 7)]
    assert torch.equal(*noise)


def test_a_second_sampler_of_comfyui_is_a_second_pass() -> None:
    reading = read_text(json.dumps(COMFY_SECOND_PASS))
    second = {name: value for name, value in fields(reading).items() if name.startswith("hires_")}
    assert second == {
        "hires_scale": 1.5, "hires_steps": 14, "hires_denoising_strength": 0.5,
        "hires_upscaler": "Latent (nearest-exact)", "hires_sampler": "DPM++ 2M", "hires_schedule": "Simple",
    }  # fmt: skip
    assert reading.recipe.steps == 20 and reading.recipe.guidance_scale == 8
    assert Part("vae", "vae-ft-mse") in reading.parts


def test_comfyuis_custom_sampling_from_a_picture() -> None:
    reading = read_text(json.dumps(COMFY_CUSTOM))
    assert fields(reading) == {
        "mode": "image", "prompt": "from a node of its own", "negative_prompt": "blurry BREAK dull",
        "checkpoint": "toy-a", "sampler": "Euler", "schedule": "Simple", "steps": 12, "guidance_scale": 4.5,
        "seed": 7, "denoising_strength": 0.6,
    }  # fmt: skip
    assert reading.unused == {"Other nodes": "FancyDecode"}


def test_comfyuis_webp_has_its_graph_in_exif() -> None:
    """As SaveAnimatedWEBP of ComfyUI's nodes_images.py writes it: Model and Make."""
    exif, file = Pillow.Exif(), io.BytesIO()
    exif[0x0110], exif[0x010F] = f"prompt:{json.dumps(comfy())}", "workflow:{}"
    Pillow.new("RGB", (8, 8)).save(file, "WEBP", exif=exif)
    assert fields(read_texts(texts_in(file.getvalue())))["steps"] == 20


def test_graphs_that_make_no_recipe() -> None:
    """Loops, broken links, odd values: whatever is in a file from elsewhere, it is no fault of ours."""
    canvas = read_texts({"workflow": '{"nodes": []}'})
    assert canvas is not None and "canvas only" in canvas.notes[0]
    assert "No sampler" in read_text('{"1": {"class_type": "SaveImage", "inputs": null}}').notes[0]
    looped = comfy(**{"6": {"class_type": "Loop", "inputs": {"text": ["6", 0], "conditioning": ["6", 0]}}})
    assert fields(read_text(json.dumps(looped)))["steps"] == 20
    chain = {}
    for number in range(100, 1000):
        both = {f"conditioning_{side}": [str(number + 1), 0] for side in (1, 2)}
        chain[str(number)] = {"class_type": "Combine", "inputs": both}
    assert read_text(json.dumps({**comfy(), **chain, "6": chain["100"]})).recipe.prompt == ""
    rng = random.Random(5)
    odd = [None, [], ["99", 0], ["3", 0], {}, -1, 1e400, "x" * 99, True, [["3"]]]
    for _ in range(300):
        graph = json.loads(json.dumps(rng.choice([COMFY_CUSTOM, COMFY_SECOND_PASS, comfy()])))
        for _ in range(rng.randint(1, 6)):
            inputs = rng.choice(list(graph.values()))["inputs"]
            if inputs:
                inputs[rng.choice(list(inputs))] = rng.choice(odd)
        read_text(json.dumps(graph))


def test_invokeai() -> None:
    reading = read_texts(texts_in(png({"invokeai_metadata": json.dumps(INVOKE), "invokeai_graph": "{}"})))
    assert fields(reading) == {
        "prompt": "a (red)1.2 fox++", "negative_prompt": "text", "checkpoint": "toy-a", "sampler": "DPM++ 2M",
        "schedule": "Karras", "steps": 30, "guidance_scale": 5.5, "seed": 42, "width_px": 1024, "height_px": 832,
        "clip_skip": 2, "tiling": "horizontal",
    }  # fmt: skip
    assert reading is not None and reading.program == "InvokeAI"
    assert reading.parts == (Part("lora", "glow", weight=0.75),)
    assert set(reading.unused) == {"ref_images"} and "+ and -" in reading.notes[0]


@pytest.mark.parametrize("texts", [{"sd-metadata": json.dumps(INVOKE_2)}, {"Dream": INVOKE_1}])
def test_old_invokeai(texts: dict[str, str]) -> None:
    found = fields(read_texts(texts))
    assert found["prompt"] == "a fox in snow" and found["negative_prompt"].startswith("text")
    assert [found[name] for name in ("steps", "seed", "width_px", "height_px")] == [50, 99, 640, 512]
    assert found["guidance_scale"] == 7.5 and found["sampler"] in ("Euler a", "LMS")


def test_fooocus_in_png_and_in_the_exif_of_a_jpeg() -> None:
    """Its JPEG has the JSON as a text in the first directory (modules/private_logger.py and meta_parser.py)."""
    exif, file = Pillow.Exif(), io.BytesIO()
    exif[0x9286], exif[0x0131], exif[0x927C] = json.dumps(FOOOCUS), "Fooocus v2.5.5", "fooocus"
    Pillow.new("RGB", (8, 8)).save(file, "JPEG", exif=exif)
    for data in (png({"parameters": json.dumps(FOOOCUS), "fooocus_scheme": "fooocus"}), file.getvalue()):
        reading = read_texts(texts_in(data))
        assert fields(reading) == {
            "prompt": "a fox", "negative_prompt": "dog", "checkpoint": "toy-a", "sampler": "DPM++ 2M SDE",
            "schedule": "Karras", "steps": 30, "guidance_scale": 4.0, "seed": 4519217385123456789 % 2**32,
            "width_px": 1152, "height_px": 896, "clip_skip": 2,
        }  # fmt: skip
        assert reading is not None and (reading.program, reading.model_hash) == ("Fooocus", "1234567890")
        assert reading.parts == (Part("lora", "glow", "4852686128", 0.1),)
        assert "styles" in reading.unused and "cinematic still" in reading.unused["full_prompt"]


def hidden(text: str, packed: bool = True) -> bytes:
    """A picture with a text in the lowest bits of its alpha, column by column."""
    body = gzip.compress(text.encode()) if packed else text.encode()
    mark = b"stealth_pngcomp" if packed else b"stealth_pnginfo"
    bits = np.unpackbits(np.frombuffer(mark + (len(body) * 8).to_bytes(4, "big") + body, np.uint8))
    alpha = np.full(128 * 96, 254, np.uint8)
    alpha[: bits.size] |= bits
    pixels = np.zeros((96, 128, 4), np.uint8)
    pixels[..., 3] = alpha.reshape(128, 96).T
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_novelai_in_chunks_and_in_the_alpha_channel() -> None:
    for data in (png(NOVELAI), hidden(json.dumps(NOVELAI))):
        reading = read_texts(texts_in(data))
        assert fields(reading) == {
            "prompt": "1girl, {fox ears}, snow", "negative_prompt": "lowres", "sampler": "Euler a",
            "checkpoint": "NovelAI Diffusion V4.5", "schedule": "Karras", "steps": 28, "guidance_scale": 5.5,
            "seed": 1234567, "width_px": 832, "height_px": 1216,
        }  # fmt: skip
        assert reading is not None and reading.program == "NovelAI"
        assert reading.unused["characters"] == '["girl, fox ears"]' and "cfg_rescale" in reading.unused


def test_a_text_in_the_alpha_channel_may_be_a1111s() -> None:
    for packed in (True, False):
        assert fields(read_texts(texts_in(hidden(FORGE, packed))))["steps"] == 20
    assert texts_in(png({}, "RGBA")) == {}


def test_sdnext() -> None:
    reading = read_text(SDNEXT)
    assert fields(reading) == {
        "prompt": "a fox, snow", "negative_prompt": "text", "checkpoint": "toy-a", "sampler": "Euler a", "steps": 20,
        "guidance_scale": 6.0, "seed": 77, "width_px": 768, "height_px": 512, "clip_skip": 2, "noise": "philox",
        "variation_seed": 3, "variation_strength": 0.25, "hires_scale": 2.0, "hires_steps": 10,
        "hires_denoising_strength": 0.4,
    }  # fmt: skip
    assert reading.recipe.hires_upscaler == "Latent"
    assert (reading.program, reading.model_hash) == ("SD.Next", "0a1b2c3d4e")
    assert reading.unused == {"Sampler sigma": "beta"}


def test_forge() -> None:
    reading = read_text(FORGE)
    assert reading.program == "Forge" and reading.unused == {"Beta schedule alpha": "0.6"}
    assert reading.parts == (
        Part("lora", "glow", "0123456789ab"),
        Part("embedding", "easynegative", "c74b4e810b03"),
        Part("vae", "vae-ft-mse", "735e4c3a44"),
    )


def test_our_own_exact_recipe_goes_before_everything_else() -> None:
    texts = {**to_png_text(sample(prompt="exact")), "prompt": json.dumps(comfy()), "invokeai_metadata": "{}"}
    reading = read_texts(texts)
    assert reading is not None and reading.program == "Latent Studio" and reading.resolved == sample(prompt="exact")
    assert read_text(texts["latent-studio"]).resolved == sample(prompt="exact")


def test_a_text_beside_a_graph_goes_before_it() -> None:
    reading = read_texts({"parameters": FORGE, "prompt": json.dumps(comfy())})
    assert reading is not None and reading.program == "Forge"


@pytest.mark.parametrize("texts", [{}, {"Software": "x"}, {"parameters": " "}, {"prompt": "a cat"}, {"Comment": "{}"}])
def test_pictures_that_say_nothing(texts: dict[str, str]) -> None:
    assert read_texts(texts) is None


@pytest.mark.parametrize("text", ["a cat", '{"a": 1}', "{", '{"recipe": {"steps": "x"}}', '"\\ud800"'])
def test_any_other_text_is_a_prompt(text: str) -> None:
    assert read_text(text).recipe.prompt == text


def test_halves_of_surrogate_pairs_go_no_further() -> None:
    reading = read_text(json.dumps({**FOOOCUS, "prompt": "\ud800 fox", "odd": "\udfff"}))
    assert reading.recipe.prompt == "? fox" and reading.unused["odd"] == "?"
