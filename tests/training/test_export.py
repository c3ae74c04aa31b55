"""An exported folder loads unchanged in diffusers and draws; a LoRA is written in the keys that others read."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors import safe_open
from safetensors.torch import load_file

from studio.training import export
from studio.training.drawing import draw, load_pipeline
from studio.training.errors import CheckpointUnreadable
from studio.training.lora import add_lora, write_lora
from studio.training.networks import build_autoencoder, build_text_encoder, build_unet
from studio.training.recipe import read_networks
from studio.training.tokenizer import learn_merges, load_tokenizer, write_tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole checkpoint of small untrained networks, its UNet in several shards."""
    out = tmp_path_factory.mktemp("export")
    write_tokenizer(out / "tokenizer", learn_merges(["flat cat face on a blue background"] * 4))
    tokenizer = load_tokenizer(out / "tokenizer")
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "SHARD_BYTES", 200_000)
        export.export_checkpoint(
            out / "model",
            out / "tokenizer",
            build_text_encoder(len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id, num_hidden_layers=1),
            build_unet(block_out_channels=(16, 32)),
            build_autoencoder(block_out_channels=(8, 8, 8, 8)),
            0.25,
        )
    return out / "model"


def test_it_loads_unchanged_and_without_a_warning(folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipeline = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True)
    assert pipeline.vae.config["scaling_factor"] == 0.25
    assert pipeline.vae_scale_factor == 8
    assert pipeline.scheduler.config["prediction_type"] == "v_prediction"
    assert pipeline.safety_checker is None
    assert pipeline.text_encoder.dtype == pipeline.unet.dtype == torch.float32
    pipeline("cat", num_inference_steps=1, width=64, height=64, output_type="latent")


def test_weights_are_half_precision_in_shards(folder: Path) -> None:
    shards = sorted((folder / "unet").glob("*.safetensors"))
    assert len(shards) > 1
    assert (folder / "unet" / "diffusion_pytorch_model.safetensors.index.json").exists()
    for shard in shards:
        assert shard.stat().st_size < 250_000
        assert {weight.dtype for weight in load_file(shard).values()} == {torch.float16}


def test_the_same_seed_draws_the_same_bytes(folder: Path) -> None:
    first, second = (
        draw(load_pipeline(folder), ["flat cat face on a blue background"], [5], steps=2) for _ in range(2)
    )
    assert first.shape == (1, 3, 128, 128)
    assert torch.equal(first, second)
    assert not torch.equal(first, draw(load_pipeline(folder), ["flat cat face on a blue background"], [6], steps=2))


def test_networks_come_back_to_be_trained_further(folder: Path) -> None:
    networks = read_networks(folder)
    assert next(networks.unet.parameters()).dtype == torch.float32
    assert networks.tokenizer.tokenize("cat") == ["cat</w>"]


def test_a_damaged_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointUnreadable, match="model_index"):
        read_networks(tmp_path)
    with pytest.raises(CheckpointUnreadable):
        load_pipeline(tmp_path)


def test_lora_keys_and_its_effect(tmp_path: Path) -> None:
    torch.manual_seed(0)
    unet = build_unet(block_out_channels=(16, 32)).eval()
    inputs = (torch.randn(1, 4, 16, 16), torch.tensor([500]), torch.randn(1, 77, 192))
    with torch.no_grad():
        before = unet(*inputs).sample
        weight = unet.get_submodule("mid_block.attentions.0.transformer_blocks.0.attn2.to_k").weight.clone()
        layers = add_lora(unet, rank=4)
        assert torch.equal(unet(*inputs).sample, before)
        for layer in layers.values():
            torch.nn.init.normal_(layer.lora_up.weight, std=0.05)  # type: ignore[arg-type]
        after = unet(*inputs).sample
    assert not torch.allclose(after, before, atol=1e-3)
    write_lora(tmp_path / "look.safetensors", layers, "look", rank=4)
    tensors = load_file(tmp_path / "look.safetensors")
    key = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k"
    assert tensors[f"{key}.lora_down.weight"].shape == (4, 192)
    assert tensors[f"{key}.lora_up.weight"].shape == (32, 4)
    assert float(tensors[f"{key}.alpha"]) == 4.0
    # A plain merge of the file's delta gives what the layers gave (Hu et al. 2021, eq. 3), within half precision.
    merged = build_unet(block_out_channels=(16, 32)).eval()
    state = {name.replace(".base.", "."): value for name, value in unet.state_dict().items() if ".lora_" not in name}
    assert torch.equal(state["mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight"], weight)
    for module in layers:
        name = f"lora_unet_{module.replace('.', '_')}"
        up, down = tensors[f"{name}.lora_up.weight"].float(), tensors[f"{name}.lora_down.weight"].float()
        delta = (up.flatten(1) @ down.flatten(1)).reshape(state[f"{module}.weight"].shape)
        state[f"{module}.weight"] = state[f"{module}.weight"] + delta
    merged.load_state_dict(state)
    with torch.no_grad():
        torch.testing.assert_close(merged(*inputs).sample, after, rtol=0, atol=2e-2)
    with safe_open(tmp_path / "look.safetensors", framework="pt") as file:
        assert file.metadata()["ss_network_dim"] == "4"
