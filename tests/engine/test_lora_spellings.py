"""LoRAs as other programs write them: names, the strength that peft and diffusers keep apart, and forms to refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import save_file
from torch import Tensor

from studio.engine.adapters import AdapterShelf
from studio.engine.chassis import Chassis
from studio.engine.load import inspect_checkpoint
from studio.engine.lora_file import read_adapter
from studio.engine.lora_names import component_and_flat_name, matched, parameters_by_flat_name
from studio.engine.outfit import Outfit, Worn
from studio.errors import UnsupportedModel
from tests.engine.conftest import CPU

QUERY = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
OUT = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0"
TEXT = "text_model.encoder.layers.0.self_attn.q_proj"


@pytest.fixture(scope="module")
def chassis(toy: Path) -> Chassis:
    files = inspect_checkpoint(toy)
    return Chassis(files, dict.fromkeys(files.components, CPU))


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize(
    ("theirs", "component", "ours"),
    [
        ("diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q", "unet", QUERY),
        ("unet.input_blocks.1.1.transformer_blocks.0.attn1.to_out.0", "unet", OUT),
        ("diffusion_model.out.0", "unet", "conv_norm_out"),
        ("unet.base_model.model." + QUERY, "unet", QUERY),
        ("base_model.model." + QUERY, "unet", QUERY),
        ("base_model.model." + TEXT, "text_encoder", TEXT),
        ("text_encoder.base_model.model." + TEXT, "text_encoder", TEXT),
        ("text_encoders.clip_l.transformer." + TEXT, "text_encoder", TEXT),
        ("clip_l." + TEXT, "text_encoder", TEXT),
        ("text_encoder.text_model.encoder.layers.0.self_attn.to_q", "text_encoder", TEXT),
        ("text_encoder.text_model.encoder.layers.0.self_attn.to_out", "text_encoder", TEXT.replace("q_", "out_")),
    ],
)
def test_names_of_merges_and_of_other_trainers(chassis: Chassis, theirs: str, component: str, ours: str) -> None:
    network, flat = component_and_flat_name(theirs)
    parameter = matched(flat, parameters_by_flat_name(chassis.skeleton[network]))
    assert parameter is not None
    assert (network, parameter.removeprefix("text_model.")) == (component, f"{ours.removeprefix('text_model.')}.weight")


def test_the_second_text_encoder_has_its_own_names() -> None:
    for theirs in ("text_encoders.clip_g.transformer.", "clip_g."):
        wanted = "text_encoder_2", "encoder_layers_0_self_attn_q_proj"
        assert component_and_flat_name(theirs + TEXT) == wanted


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stabilised", [False, True])
def test_the_strength_in_the_metadata_is_the_one_that_diffusers_gives(
    tmp_path: Path, toy: Path, chassis: Chassis, stabilised: bool
) -> None:
    """Without it a LoRA of rank 8 that was trained with alpha 2 would count four times what it should."""
    pipeline = StableDiffusionPipeline.from_pretrained(toy)
    clean = {name: tensor.clone() for name, tensor in pipeline.unet.state_dict().items()}
    config = LoraConfig(
        r=8, lora_alpha=2, target_modules=["to_q", "to_v"], alpha_pattern={QUERY: 3}, use_rslora=stabilised
    )
    pipeline.unet.add_adapter(config)
    with torch.no_grad():
        for name, tensor in pipeline.unet.named_parameters():
            if "lora_B" in name:
                tensor.copy_(random(*tensor.shape))
    said = {**config.to_dict(), "target_modules": sorted(config.target_modules)}
    layers = get_peft_model_state_dict(pipeline.unet)
    pipeline.save_lora_weights(tmp_path, unet_lora_layers=layers, unet_lora_adapter_metadata=said)
    pipeline.unet.delete_adapters("default")
    pipeline.load_lora_weights(tmp_path)
    pipeline.fuse_lora()
    pipeline.unload_lora_weights()
    fused = pipeline.unet.state_dict()
    file = tmp_path / "pytorch_lora_weights.safetensors"
    patches = AdapterShelf().patches(Outfit(toy, adapters=(Worn(file),)), chassis)["unet"]
    assert len(patches) > 4 and f"{QUERY}.weight" in patches
    for name, patch in patches.items():
        torch.testing.assert_close(patch(clean[name]), fused[name], rtol=1e-4, atol=1e-4)


def test_the_strength_beside_a_file_of_peft(tmp_path: Path) -> None:
    up, down = random(6, 4), random(4, 5)
    file = tmp_path / "adapter_model.safetensors"
    name = f"base_model.model.{QUERY}"
    save_file({f"{name}.lora_B.weight": up, f"{name}.lora_A.weight": down}, file)

    def strength() -> float:
        return float((read_adapter(file)[name].delta(torch.Size((6, 5))) / (up @ down)).mean())

    assert strength() == pytest.approx(1)
    for said, wanted in (
        (json.dumps({"lora_alpha": 8, "r": 4, "alpha_pattern": None}), 2),
        (json.dumps({"lora_alpha": 8, "alpha_pattern": {"attn1.to_q": 2}}), 0.5),
        ('{"lora_alpha": true}', 1),
        ("[1]", 1),
        ("{", 1),
    ):
        (tmp_path / "adapter_config.json").write_text(said)
        assert strength() == pytest.approx(wanted), said


def test_forms_that_hold_an_alpha_and_nothing_that_is_known_are_refused(tmp_path: Path) -> None:
    """They were taken for LoRAs that change nothing."""
    key = "lora_unet_" + QUERY.replace(".", "_")
    for tensors in (
        {f"{key}.oft_blocks": random(4, 8, 8)},
        {f"{key}.{one}.weight": random(4, 4) for one in ("a1", "a2", "b1", "b2")},
    ):
        save_file({**tensors, f"{key}.alpha": torch.tensor(1.0)}, tmp_path / "one.safetensors")
        with pytest.raises(UnsupportedModel, match="holds nothing that the studio knows how to apply"):
            read_adapter(tmp_path / "one.safetensors")


def test_the_norms_of_lycoris_are_differences(tmp_path: Path, toy: Path, chassis: Chassis) -> None:
    weight = chassis.skeleton["unet"]["conv_norm_out.weight"]
    file = tmp_path / "norm.safetensors"
    save_file({"lycoris_conv_norm_out.w_norm": random(*weight), "lycoris_conv_norm_out.b_norm": random(*weight)}, file)
    patches = AdapterShelf().patches(Outfit(toy, adapters=(Worn(file),)), chassis)["unet"]
    for name in ("conv_norm_out.weight", "conv_norm_out.bias"):
        assert torch.equal(patches[name](torch.ones(weight)), random(*weight) + 1)
