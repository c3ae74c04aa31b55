"""The shipped configurations: the networks they describe have the published sizes and the shapes of real checkpoints.

The counts of parameters are those published for each network; the numbers are those of the original repositories'
configurations (v1-inference.yaml, v2-inference-v.yaml, sd_xl_base.yaml) and of the models' cards.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import init_empty_weights
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import (
    DIFFUSERS_TO_LDM_MAPPING,
    LDM_VAE_DEFAULT_SCALING_FACTOR,
    SCHEDULER_DEFAULT_CONFIG,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from studio.library.families import FAMILIES, family_folder
from studio.library.single_file import single_file_card
from studio.prompt.tokenizer import FileTokenizer
from tests.library import header_files as files
from tests.library.header_files import Shapes, write_header_file

ASSETS = Path(__file__).parents[2] / "assets" / "families"

UNET_PARAMETERS = {
    "sd1": 859_520_964,
    "sd1-inpainting": 859_535_364,
    "sd2": 865_910_724,
    "sd2-base": 865_910_724,
    "sd2-inpainting": 865_925_124,
    "sdxl": 2_567_463_684,
    "sdxl-inpainting": 2_567_478_084,
}
VAE_PARAMETERS = 83_653_863
TEXT_PARAMETERS = {"sd1": 123_060_480, "sd2": 340_387_840, "sdxl": 123_060_480}
SECOND_TEXT_PARAMETERS = 694_659_840


def config(family: str, part: str) -> dict[str, Any]:
    name = "scheduler_config.json" if part == "scheduler" else "config.json"
    return dict(json.loads((ASSETS / family / part / name).read_text(encoding="utf-8")))


@cache
def unet(family: str) -> Any:
    with init_empty_weights():
        return UNet2DConditionModel.from_config(config(family, "unet"))


def text_encoder(family: str, part: str) -> Any:
    given = config(family, part)
    kind = {"CLIPTextModel": CLIPTextModel, "CLIPTextModelWithProjection": CLIPTextModelWithProjection}
    with init_empty_weights():
        return kind[given["architectures"][0]](CLIPTextConfig(**given))


def size(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_networks_have_the_published_sizes(family: str) -> None:
    assert size(unet(family)) == UNET_PARAMETERS[family]
    assert size(text_encoder(family, "text_encoder")) == TEXT_PARAMETERS[family]
    with init_empty_weights():
        assert size(AutoencoderKL.from_config(config(family, "vae"))) == VAE_PARAMETERS
    if family == "sdxl":
        assert size(text_encoder(family, "text_encoder_2")) == SECOND_TEXT_PARAMETERS


@pytest.mark.parametrize("family", FAMILIES)
def test_variants_differ_from_their_family_where_they_must(family: str) -> None:
    base = {"sd1-inpainting": "sd1", "sd2-base": "sd2", "sd2-inpainting": "sd2", "sdxl-inpainting": "sdxl"}.get(
        family, family
    )
    own, of_base = config(family, "unet"), config(base, "unet")
    free = ("in_channels", "sample_size", "upcast_attention")
    assert {k: v for k, v in own.items() if k not in free} == {k: v for k, v in of_base.items() if k not in free}
    assert own["in_channels"] == (9 if "inpainting" in family else 4)
    # A 9-channel first convolution (3 x 3, to 320) has 5 * 9 * 320 weights more.
    more = 5 * 9 * 320 if "inpainting" in family else 0
    assert UNET_PARAMETERS[family] == UNET_PARAMETERS[base] + more
    assert config(family, "text_encoder") == config(base, "text_encoder")
    assert config(family, "vae")["scaling_factor"] == config(base, "vae")["scaling_factor"]


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("sd1", (768, 12, 12, "quick_gelu", 768, False, 0.18215, "epsilon", 64)),
        ("sd1-inpainting", (768, 12, 12, "quick_gelu", 768, False, 0.18215, "epsilon", 64)),
        ("sd2", (1024, 23, 16, "gelu", 1024, True, 0.18215, "v_prediction", 96)),  # 24 layers, the last not used
        ("sd2-base", (1024, 23, 16, "gelu", 1024, True, 0.18215, "epsilon", 64)),
        ("sd2-inpainting", (1024, 23, 16, "gelu", 1024, True, 0.18215, "epsilon", 64)),
        ("sdxl", (768, 12, 12, "quick_gelu", 2048, True, 0.13025, "epsilon", 128)),
        ("sdxl-inpainting", (768, 12, 12, "quick_gelu", 2048, True, 0.13025, "epsilon", 128)),
    ],
)
def test_the_numbers_are_the_published_ones(family: str, expected: tuple[object, ...]) -> None:
    text, network = config(family, "text_encoder"), config(family, "unet")
    scheduler = config(family, "scheduler")
    assert expected == (
        text["hidden_size"],
        text["num_hidden_layers"],
        text["num_attention_heads"],
        text["hidden_act"],
        network["cross_attention_dim"],
        network.get("use_linear_projection", False),
        config(family, "vae")["scaling_factor"],
        scheduler["prediction_type"],
        network["sample_size"],
    )
    assert (text["vocab_size"], text["max_position_embeddings"]) == (49408, 77)
    assert config(family, "vae")["block_out_channels"] == [128, 256, 512, 512]
    for name in ("beta_start", "beta_end", "beta_schedule", "num_train_timesteps"):
        assert scheduler[name] == SCHEDULER_DEFAULT_CONFIG[name]  # diffusers' own for single files
    if family.startswith("sd"):
        assert config("sd1", "vae")["scaling_factor"] == LDM_VAE_DEFAULT_SCALING_FACTOR


def test_sdxl_is_conditioned_on_six_numbers_and_the_pooled_text() -> None:
    network, second = config("sdxl", "unet"), config("sdxl", "text_encoder_2")
    assert network["transformer_layers_per_block"] == [1, 2, 10]
    assert (
        network["down_block_types"][0] == "DownBlock2D"
    )  # no attention at full size: 0 layers in the original's terms
    assert 6 * network["addition_time_embed_dim"] + second["projection_dim"] == 2816
    assert network["projection_class_embeddings_input_dim"] == 2816
    assert (second["hidden_size"], second["num_hidden_layers"], second["num_attention_heads"]) == (1280, 32, 20)
    assert config("sdxl", "text_encoder")["hidden_size"] + second["hidden_size"] == network["cross_attention_dim"]
    assert config("sdxl", "vae")["force_upcast"] is True  # it overflows in float16


@pytest.mark.parametrize(
    ("family", "shapes"),
    [
        ("sd1", files.SD1),
        ("sd1-inpainting", files.SD1_INPAINTING),
        ("sd2", files.SD2),
        ("sd2-inpainting", files.SD2_INPAINTING),
        ("sdxl", files.SDXL),
        ("sdxl-inpainting", files.SDXL_INPAINTING),
    ],
)
def test_shapes_are_those_of_single_files(family: str, shapes: Shapes) -> None:
    """Names outside the blocks by diffusers' own table of them; attention by the width that it reads."""
    table = DIFFUSERS_TO_LDM_MAPPING["unet"]
    theirs = {ldm: ours for part in ("layers", "addition_embed_type") for ours, ldm in table[part].items()}
    own = {name: tuple(tensor.shape) for name, tensor in unet(family).state_dict().items()}
    compared = 0
    for name, shape in shapes.items():
        layer = name.removeprefix("model.diffusion_model.")
        if layer in theirs:
            assert own[theirs[layer]] == shape
            compared += 1
        elif "attn2.to_k" in name:
            assert shape in {value for key, value in own.items() if key.endswith("attn2.to_k.weight")}
            compared += 1
    assert compared >= 3


@pytest.mark.parametrize("family", FAMILIES)
def test_tokenizers_are_clips(family: str) -> None:
    words = "a photo of a cat"
    for name in ("tokenizer", "tokenizer_2") if family.startswith("sdxl") else ("tokenizer",):
        tokenizer = FileTokenizer(ASSETS / family / name)
        assert (tokenizer.start, tokenizer.end) == (49406, 49407)
        # What SD 2.x and the second encoder of SDXL pad with is token 0, "!".
        assert tokenizer.pad == (0 if family.startswith("sd2") or name == "tokenizer_2" else 49407)
        assert tokenizer.encode(words) == [320, 1125, 539, 320, 2368]  # the example of OpenAI's CLIP


def test_the_vocabulary_follows_from_the_merges_and_reads_as_transformers_does() -> None:
    folder = ASSETS / "tokenizer"
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    merges = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    assert (len(vocabulary), len(merges)) == (49408, 48894)
    assert all(vocabulary["".join(pair.split(" "))] == 512 + place for place, pair in enumerate(merges))
    theirs = CLIPTokenizer.from_pretrained(ASSETS / "tokenizer")
    ours = FileTokenizer(ASSETS / "sd1" / "tokenizer")
    for text in ("Zwölf Boxkämpfer, 12:45 (masterpiece:1.2) don't", "日本の桜 🌸", "an ASTRONAUT  riding\na horse!!"):
        assert ours.encode(text) == theirs(text, add_special_tokens=False).input_ids


def test_a_single_file_brings_the_tokenizer_of_its_family(tmp_path: Path) -> None:
    def tokenizer(shapes: Shapes, stem: str = "x") -> Path | None:
        return single_file_card(write_header_file(tmp_path / f"{stem}.safetensors", shapes)).tokenizer_dir

    assert tokenizer(files.SD1) == ASSETS / "sd1" / "tokenizer"
    assert tokenizer(files.SDXL_INPAINTING) == ASSETS / "sdxl-inpainting" / "tokenizer"
    assert tokenizer(files.SD2, "512-base") == ASSETS / "sd2-base" / "tokenizer"
    assert tokenizer(files.SD2) == ASSETS / "sd2" / "tokenizer"
    assert tokenizer(files.FLUX_DEV) is None and family_folder("sd3") is None
