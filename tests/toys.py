"""Tiny random-weight checkpoints in the layouts people have, built in a second: real networks and files for the tests.

A toy has the classes, the files and the behaviour of a Stable Diffusion checkpoint at a thousandth of its size. Its
weights are random except for the last layer of the UNet, which is fitted (one least-squares solve) so that
trajectories stay in a sane range. It belongs to the tests: nothing under ``studio/`` may import it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

Prediction = Literal["epsilon", "v_prediction"]
Breakage = Literal["missing_unet", "missing_vae_config", "bad_json", "truncated", "empty"]

WORDS = ("a", "an", "of", "the", "on", "cat", "dog", "red", "blue", "green", "face", "photo", "background", "3d")
"""Words that are one token each; everything else falls into bytes."""

_HIDDEN = 32
_LATENT_CHANNELS = 4


def toy_checkpoint(
    folder: Path,
    *,
    seed: int = 0,
    prediction: Prediction = "epsilon",
    size_px: int = 128,
    broken: Breakage | None = None,
    family: Literal["sd1", "sd2"] = "sd1",
    fp16: bool = False,
    inpainting: bool = False,
    zero_snr: bool = False,
) -> Path:
    """Write a diffusers pipeline folder and return it; ``StableDiffusionPipeline.from_pretrained(folder)`` loads it.

    ``size_px`` is the native size (``unet.sample_size * 8``). ``family="sd2"`` pads with ``!`` and has GELU, heads of
    fixed width and linear projections, as SD 2.x has. ``fp16`` writes half-precision files named
    ``*.fp16.safetensors`` (load with ``variant="fp16"``). ``inpainting`` takes 9 input channels, ``zero_snr`` asks the
    scheduler for zero terminal SNR. ``broken`` spoils the finished folder in one of the ways folders really break.
    """
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary, merges = toy_vocabulary()
    with torch.random.fork_rng(devices=[]), torch.no_grad(), _one_thread():
        torch.manual_seed(seed)
        text_encoder = _text_encoder(len(vocabulary), family)
        vae = _vae(size_px)
        unet = _unet(size_px, family, 9 if inpainting else _LATENT_CHANNELS)
        _fit_last_layer(unet, prediction, size_px // 8)
    for name, model in (("unet", unet), ("vae", vae), ("text_encoder", text_encoder)):
        module: Any = model.half() if fp16 else model
        module.save_pretrained(folder / name)
        if fp16:
            for weights in (folder / name).glob("*.safetensors"):
                weights.rename(weights.with_suffix(".fp16.safetensors"))
    _write_tokenizer(folder / "tokenizer", vocabulary, merges, pad="!" if family == "sd2" else "<|endoftext|>")
    _write_json(folder / "scheduler" / "scheduler_config.json", _scheduler_config(prediction, zero_snr))
    _write_json(folder / "model_index.json", _model_index(inpainting))
    if broken is not None:
        break_checkpoint(folder, broken)
    return folder


@contextmanager
def _one_thread() -> Iterator[None]:
    """These operations are so small that threads only wait for each other, for seconds on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def toy_vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A CLIP-format byte-level vocabulary: bytes, bytes that end a word, a token per prefix of `WORDS`, start, end."""
    symbols = list(_byte_symbols().values())
    tokens = symbols + [symbol + "</w>" for symbol in symbols]
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        parts = [*word[:-1], word[-1] + "</w>"]
        while len(parts) > 1:
            pair = (parts[0], parts[1])
            if pair not in merges:
                merges.append(pair)
                tokens.append("".join(pair))
            parts = ["".join(pair), *parts[2:]]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return {token: index for index, token in enumerate(dict.fromkeys(tokens))}, merges


def _byte_symbols() -> dict[int, str]:
    """The printable stand-in of each byte, in the order of CLIP's vocabulary (Radford et al. 2019, GPT-2's encoder)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + place) for place, byte in enumerate(others)}


def _text_encoder(vocabulary_size: int, family: str) -> CLIPTextModel:
    end = vocabulary_size - 1
    config = CLIPTextConfig(
        vocab_size=vocabulary_size,
        hidden_size=_HIDDEN,
        intermediate_size=2 * _HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=77,
        projection_dim=_HIDDEN,
        hidden_act="gelu" if family == "sd2" else "quick_gelu",
        bos_token_id=end - 1,
        eos_token_id=end,
        pad_token_id=0 if family == "sd2" else end,
        initializer_factor=1.0,
    )
    model = CLIPTextModel(config).eval()
    for name, parameter in model.named_parameters():
        if "token_embedding" in name:  # transformers' init (std 0.02) would drown words in positions
            parameter.copy_(torch.randn_like(parameter))
    return model


def _vae(size_px: int) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=_LATENT_CHANNELS,
        norm_num_groups=4,
        sample_size=size_px,
        scaling_factor=0.18215,
    ).eval()


def _unet(size_px: int, family: str, in_channels: int) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=size_px // 8,
        in_channels=in_channels,
        out_channels=_LATENT_CHANNELS,
        block_out_channels=(32, 64),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=_HIDDEN,
        attention_head_dim=(2, 4) if family == "sd2" else 4,
        use_linear_projection=family == "sd2",
        norm_num_groups=8,
    ).eval()


def _fit_last_layer(unet: UNet2DConditionModel, prediction: Prediction, side: int) -> None:
    """Solve ``conv_out`` so that the network roughly denoises unit Gaussian data whose mean the prompt sets."""
    pictures = max(48, 6 * 1024 // side**2)
    alphas_cumprod = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2, dim=0)
    timesteps = (999 * torch.linspace(0, 1, pictures) ** 0.5).long()[torch.randperm(pictures)]
    signal = alphas_cumprod[timesteps].sqrt()[:, None, None, None]
    spread = (1 - alphas_cumprod[timesteps]).sqrt()[:, None, None, None]
    text = torch.randn(pictures, 77, _HIDDEN)
    clean = torch.tanh(text[:, 0, :_LATENT_CHANNELS])[:, :, None, None] + 0.8 * torch.randn(
        pictures, _LATENT_CHANNELS, side, side
    )
    noise = torch.randn_like(clean)
    noisy = signal * clean + spread * noise
    target = noise if prediction == "epsilon" else signal * noise - spread * clean
    extra = torch.zeros(pictures, int(unet.config["in_channels"]) - _LATENT_CHANNELS, side, side)
    seen: list[torch.Tensor] = []
    hook = unet.conv_out.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    unet(torch.cat([noisy, extra], dim=1), timesteps, encoder_hidden_states=text)
    hook.remove()
    patches = torch.nn.functional.unfold(seen[0], 3, padding=1).permute(0, 2, 1).flatten(0, 1).double()
    rows = torch.cat([patches, torch.ones(len(patches), 1, dtype=torch.float64)], dim=1)
    wanted = target.permute(0, 2, 3, 1).flatten(0, 2).double()
    # An error in epsilon counts sigma times in the denoised picture; velocity is already on that scale.
    weight = (spread / signal).clamp(min=0.5) if prediction == "epsilon" else torch.ones_like(spread)
    weights = weight.expand(-1, 1, side, side).flatten()[:, None].double()
    ridge = 1e-4 * len(rows) * torch.eye(rows.shape[1], dtype=torch.float64)
    solved = torch.linalg.solve(rows.T @ (rows * weights) + ridge, rows.T @ (wanted * weights)).float()
    unet.conv_out.weight.copy_(solved[:-1].T.reshape(unet.conv_out.weight.shape))
    unet.conv_out.bias.copy_(solved[-1])


def _write_tokenizer(folder: Path, vocabulary: dict[str, int], merges: list[tuple[str, str]], pad: str) -> None:
    special = {
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "pad_token": pad,
    }
    _write_json(folder / "vocab.json", vocabulary)
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _write_json(folder / "special_tokens_map.json", special)
    _write_json(
        folder / "tokenizer_config.json",
        {**special, "tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": True},
    )


def _scheduler_config(prediction: Prediction, zero_snr: bool) -> dict[str, Any]:
    return {
        "_class_name": "DDIMScheduler",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "num_train_timesteps": 1000,
        "prediction_type": prediction,
        "rescale_betas_zero_snr": zero_snr,
        "timestep_spacing": "trailing" if zero_snr else "leading",
        "clip_sample": False,
        "set_alpha_to_one": False,
        "steps_offset": 1,
    }


def _model_index(inpainting: bool) -> dict[str, Any]:
    return {
        "_class_name": "StableDiffusionInpaintPipeline" if inpainting else "StableDiffusionPipeline",
        "_diffusers_version": "0.30.0",
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }


def break_checkpoint(folder: Path, how: Breakage) -> None:
    """Spoil a finished folder in one of the ways folders really break."""
    weights = next((folder / "unet").glob("*.safetensors"))
    if how == "missing_unet":
        weights.unlink()
    elif how == "missing_vae_config":
        (folder / "vae" / "config.json").unlink()
    elif how == "bad_json":
        (folder / "model_index.json").write_text('{"_class_name": "StableDiff', encoding="utf-8")
    elif how == "truncated":
        weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    elif how == "empty":
        weights.write_bytes(b"")


def _write_json(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
