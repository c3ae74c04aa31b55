"""Pipeline folders: what they say of themselves, and every way they break, named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio.library.diffusers_folder import folder_card
from studio.library.facts import facts_of
from tests.library.header_files import write_header_file
from tests.toys import break_checkpoint, toy_checkpoint

Put = Callable[[str], Path]


def change_json(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_a_toy_is_read_from_its_configurations(toy: Path) -> None:
    card = folder_card(toy)
    assert card.problem is None and card.warning is None
    assert (card.layout, card.kind, card.family, card.prediction) == ("diffusers", "checkpoint", "sd1", "epsilon")
    assert (card.native_size_px, card.precision, card.inpainting, card.zero_snr) == (128, "float32", False, False)
    assert card.tokenizer_dir == toy / "tokenizer"
    assert [file.parent.name for file in card.files] == ["text_encoder", "unet", "vae"]
    assert card.size_bytes == sum(file.stat().st_size for file in toy.rglob("*.safetensors"))


def test_variants_are_told_apart(tmp_path: Path) -> None:
    sd2 = folder_card(
        toy_checkpoint(tmp_path / "sd2", family="sd2", prediction="v_prediction", zero_snr=True, size_px=64)
    )
    assert (sd2.family, sd2.prediction, sd2.zero_snr, sd2.native_size_px) == ("sd2", "v_prediction", True, 64)
    half = folder_card(toy_checkpoint(tmp_path / "half", fp16=True, size_px=64))
    assert (half.problem, half.precision) == (None, "float16")
    inpainting = folder_card(toy_checkpoint(tmp_path / "inpainting", inpainting=True, size_px=64))
    assert inpainting.inpainting and inpainting.usable


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("missing_unet", "unet holds no weights"),
        ("missing_vae_config", "vae/config.json is missing"),
        ("bad_json", "model_index.json is not valid JSON"),
        ("truncated", "unet/diffusion_pytorch_model.safetensors: The file is cut short"),
        ("empty", "unet/diffusion_pytorch_model.safetensors: The file is empty"),
    ],
)
def test_what_is_broken_is_named(put: Put, broken: Any, words: str) -> None:
    folder = put("broken")
    break_checkpoint(folder, broken)
    card = folder_card(folder)
    assert words in (card.problem or "")
    assert card.trouble == "damaged" and not card.usable


def test_a_lost_index_tokenizer_or_scheduler_is_named(put: Put) -> None:
    for lost in ("model_index.json", "tokenizer/vocab.json", "scheduler/scheduler_config.json"):
        folder = put(lost.replace("/", "-"))
        (folder / lost).unlink()
        assert lost.split("/")[0].removesuffix(".json") in (folder_card(folder).problem or "")


def test_a_unet_of_another_checkpoint_is_noticed(put: Put) -> None:
    folder = put("mixed")
    change_json(folder / "unet" / "config.json", block_out_channels=[320, 640])
    assert "do not belong" in (folder_card(folder).problem or "")


def test_pickled_weights_stay_closed(put: Put) -> None:
    folder = put("pickled")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").rename(folder / "unet" / "diffusion_pytorch_model.bin")
    card = folder_card(folder)
    assert card.trouble == "unsupported" and "pickled" in (card.problem or "")


def test_shards_are_followed_and_may_not_lead_outside(put: Put) -> None:
    folder = put("shards")
    unet = folder / "unet"
    (unet / "diffusion_pytorch_model.safetensors").rename(unet / "part-1.safetensors")
    write_header_file(unet / "part-2.safetensors", {"spare": (2,)})
    index = unet / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(
        json.dumps({"weight_map": {"conv_in.weight": "part-1.safetensors", "spare": "part-2.safetensors"}})
    )
    card = folder_card(folder)
    assert card.problem is None
    assert [file.name for file in card.files if file.parent == unet] == ["part-1.safetensors", "part-2.safetensors"]
    index.write_text(json.dumps({"weight_map": {"conv_in.weight": "../../secret.safetensors"}}))
    assert "cannot be understood" in (folder_card(folder).problem or "")
    (unet / "part-2.safetensors").unlink()
    index.write_text(
        json.dumps({"weight_map": {"conv_in.weight": "part-1.safetensors", "spare": "part-2.safetensors"}})
    )
    assert "part-2.safetensors: The file is no longer there" in (folder_card(folder).problem or "")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"_class_name": "StableDiffusionXLPipeline"}, "lacks the second text encoder"),
        ({"_class_name": "StableDiffusionLatentUpscalePipeline"}, "StableDiffusionLatentUpscalePipeline"),
        ({"_class_name": "FluxPipeline", "transformer": ["diffusers", "FluxTransformer2DModel"], "unet": None}, "Flux"),
        ({"_class_name": "WuerstchenPipeline", "transformer": ["diffusers", "Other"], "unet": None}, "does not know"),
    ],
)
def test_other_pipelines_are_refused_in_a_sentence(put: Put, changes: dict[str, Any], words: str) -> None:
    folder = put("other")
    change_json(folder / "model_index.json", **changes)
    if "transformer" in changes:
        (folder / "transformer").mkdir()
        (folder / "transformer" / "config.json").write_text("{}")
        write_header_file(folder / "transformer" / "diffusion_pytorch_model.safetensors", {"a": (1,)})
    card = folder_card(folder)
    assert card.trouble == "unsupported" and words in (card.problem or "")


@pytest.mark.parametrize("side", [0, -16, 10**9, "16", None, [16, 16], True])
def test_an_absurd_native_size_falls_back_to_the_family(put: Put, side: Any) -> None:
    folder = put("absurd")
    change_json(folder / "unet" / "config.json", sample_size=side)
    assert folder_card(folder).native_size_px == 512


def test_own_defaults_win_over_the_family(put: Put) -> None:
    folder = put("tuned")
    (folder / "studio.toml").write_text(
        'title = "Tuned"\nnotes = "One thing, one background."\n'
        '[defaults]\nsampler = "euler a"\nsteps = 12\nguidance_scale = 3\nclip_skip = 2\nsize_px = 64\n'
    )
    card = folder_card(folder)
    assert card.warning is None
    assert (card.defaults.title, card.defaults.notes) == ("Tuned", "One thing, one background.")
    facts = facts_of(card)
    assert (facts.default_sampler, facts.default_steps, facts.default_guidance_scale) == ("Euler a", 12, 3.0)
    assert (facts.default_clip_skip, facts.native_size_px) == (2, 64)


def test_wrong_defaults_are_left_out_and_said(put: Put) -> None:
    folder = put("wrong")
    (folder / "studio.toml").write_text(
        'wings = 2\n[defaults]\nsampler = "Eulr"\nsteps = 0\nguidance_scale = "much"\nsize_px = 65\nclip_skip = 2\n'
    )
    card = folder_card(folder)
    assert card.usable
    assert all(name in (card.warning or "") for name in ("wings", "Eulr", "steps", "guidance_scale", "size_px"))
    assert (card.defaults.steps, card.defaults.clip_skip) == (None, 2)
    (folder / "studio.toml").write_text("title = ")
    assert "studio.toml cannot be read" in (folder_card(folder).warning or "")
