"""Writes safetensors files that have a true header and no weights: the bytes behind it are a hole in the disk."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path

Shapes = Mapping[str, tuple[int, ...]]

_BYTES = {"F16": 2, "F32": 4, "BF16": 2}
_UNET = "model.diffusion_model."
_SD_VAE: Shapes = {
    "first_stage_model.encoder.conv_in.weight": (128, 3, 3, 3),
    "first_stage_model.decoder.conv_in.weight": (512, 4, 3, 3),
    "first_stage_model.post_quant_conv.weight": (4, 4, 1, 1),
}
_SD_UNET_KEYS = ("input_blocks.1.1", "input_blocks.2.1", "input_blocks.4.1", "middle_block.1", "output_blocks.11.1")


def _unet(width: int, channels: int = 4, first: int = 320) -> dict[str, tuple[int, ...]]:
    attention = {f"{_UNET}{block}.transformer_blocks.0.attn2.to_k.weight": (first, width) for block in _SD_UNET_KEYS}
    return {
        f"{_UNET}input_blocks.0.0.weight": (first, channels, 3, 3),
        f"{_UNET}input_blocks.1.1.transformer_blocks.0.attn1.to_k.weight": (first, first),
        **attention,
        f"{_UNET}output_blocks.11.0.skip_connection.weight": (320, 640, 1, 1),
    }


def _sdxl(channels: int = 4) -> dict[str, tuple[int, ...]]:
    return {
        f"{_UNET}input_blocks.0.0.weight": (320, channels, 3, 3),
        f"{_UNET}label_emb.0.0.weight": (1280, 2816),
        f"{_UNET}input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": (640, 2048),
        f"{_UNET}middle_block.1.transformer_blocks.9.attn2.to_k.weight": (1280, 2048),
        "conditioner.embedders.0.transformer.text_model.embeddings.position_embedding.weight": (77, 768),
        "conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias": (1280,),
        "conditioner.embedders.1.model.positional_embedding": (77, 1280),
        **_SD_VAE,
    }


def _sd1(channels: int = 4) -> dict[str, tuple[int, ...]]:
    encoder = "cond_stage_model.transformer.text_model.embeddings.position_embedding.weight"
    return {**_unet(768, channels), encoder: (77, 768), **_SD_VAE}


def _sd2(channels: int = 4) -> dict[str, tuple[int, ...]]:
    return {**_unet(1024, channels), "cond_stage_model.model.token_embedding.weight": (49408, 1024), **_SD_VAE}


_SD3_BLOCK = "joint_blocks.0.context_block.adaLN_modulation.1.bias"
_FLUX_BLOCK = "double_blocks.0.img_attn.norm.key_norm.scale"

SD1, SD1_INPAINTING, SD1_PIX2PIX = _sd1(), _sd1(9), _sd1(8)
SD2, SD2_INPAINTING, SD2_DEPTH = _sd2(), _sd2(9), _sd2(5)
SDXL, SDXL_INPAINTING = _sdxl(), _sdxl(9)
SDXL_V_PREDICTION: Shapes = {**SDXL, "v_pred": (0,), "ztsnr": (0,)}
SSD_1B: Shapes = {name: shape for name, shape in SDXL.items() if "middle_block" not in name}
PLAYGROUND: Shapes = {**SDXL, "edm_mean": (1, 4, 1, 1), "edm_std": (1, 4, 1, 1)}
SDXL_REFINER: Shapes = {
    f"{_UNET}input_blocks.0.0.weight": (384, 4, 3, 3),
    f"{_UNET}label_emb.0.0.weight": (1536, 2560),
    f"{_UNET}input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": (768, 1280),
    "conditioner.embedders.0.model.transformer.resblocks.9.mlp.c_proj.bias": (1280,),
    **_SD_VAE,
}
SD3_MEDIUM: Shapes = {f"{_UNET}{_SD3_BLOCK}": (9216,), f"{_UNET}pos_embed": (1, 36864, 1536)}
SD35_MEDIUM: Shapes = {f"{_UNET}{_SD3_BLOCK}": (9216,), f"{_UNET}pos_embed": (1, 147456, 1536)}
SD35_LARGE: Shapes = {
    _SD3_BLOCK: (14592,),
    "pos_embed": (1, 36864, 2432),
    "joint_blocks.37.x_block.mlp.fc1.weight": (9728, 2432),
}
FLUX_DEV: Shapes = {
    _FLUX_BLOCK: (128,),
    "guidance_in.in_layer.bias": (3072,),
    "img_in.weight": (3072, 64),
}
FLUX_SCHNELL: Shapes = {f"{_UNET}{_FLUX_BLOCK}": (128,), f"{_UNET}img_in.weight": (3072, 64)}

_KOHYA = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
LORA_SD1: Shapes = {
    f"{_KOHYA}.lora_down.weight": (8, 768),
    f"{_KOHYA}.lora_up.weight": (320, 8),
    f"{_KOHYA}.alpha": (),
    "lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": (8, 768),
}
LORA_SD2: Shapes = {f"{_KOHYA}.lora_down.weight": (8, 1024), f"{_KOHYA}.lora_up.weight": (320, 8)}
_SDXL_BLOCK = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k"
LORA_SDXL: Shapes = {
    f"{_SDXL_BLOCK}.lora_up.weight": (640, 8),
    f"{_SDXL_BLOCK}.lora_down.weight": (8, 2048),
}
LORA_PEFT: Shapes = {
    "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight": (4, 2048),
    "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora_B.weight": (640, 4),
}
LORA_FLUX: Shapes = {"transformer.single_transformer_blocks.0.attn.to_k.lora_A.weight": (16, 3072)}
LOHA: Shapes = {f"{_KOHYA}.hada_w1_a": (320, 4), f"{_KOHYA}.hada_w1_b": (4, 768), f"{_KOHYA}.hada_w2_a": (320, 4)}
LOKR: Shapes = {f"{_KOHYA}.lokr_w1": (8, 8), f"{_KOHYA}.lokr_w2": (40, 96)}  # 8 * 96 = 768
LOKR_FACTORED: Shapes = {
    f"{_SDXL_BLOCK}.lokr_w1": (16, 16),
    f"{_SDXL_BLOCK}.lokr_w2_a": (40, 4),
    f"{_SDXL_BLOCK}.lokr_w2_b": (4, 128),  # 16 * 128 = 2048
}
LOKR_ELSEWHERE: Shapes = {"lycoris_mid_block_attentions_0_proj_in.lokr_w1": (8, 8)}
LORA_DIFFUSERS: Shapes = {
    "unet.mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.down.weight": (4, 1024),
    "unet.mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.up.weight": (1280, 4),
}
LORA_OF_TEXT: Shapes = {
    "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight": (16, 768),
    "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight": (768, 16),
}
LORA_OF_SECOND_TEXT: Shapes = {
    "lora_te2_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight": (4, 1280),
    "lora_te2_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight": (1280, 4),
}
LOCON: Shapes = {**LORA_SD1, "lora_unet_down_blocks_0_resnets_0_conv1.lora_down.weight": (8, 320, 3, 3)}
DORA: Shapes = {**LORA_SD1, f"{_KOHYA}.dora_scale": (1, 768)}
IA3: Shapes = {f"{_KOHYA}.weight": (320, 1), f"{_KOHYA}.on_input": ()}
GLORA: Shapes = {
    **{f"{_KOHYA}.{one}.weight": (320, 4) for one in ("a1", "a2", "b1", "b2")}, f"{_KOHYA}.alpha": (),
}  # fmt: skip
LORA_MERGED: Shapes = {  # as ComfyUI's LoraSave writes it
    "diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.lora_up.weight": (640, 8),
    "diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.lora_down.weight": (8, 2048),
    "text_encoders.clip_l.transformer.text_model.encoder.layers.0.layer_norm1.diff": (768,),
}
LORA_OF_OLD_TEXT: Shapes = {
    "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.down.weight": (4, 768),
    "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.up.weight": (768, 4),
}
OFT_OF_ONETRAINER: Shapes = {f"{_KOHYA}.oft_R.weight": (40, 28)}
OFT: Shapes = {"lora_unet_down_blocks_0_attentions_0_proj_in.oft_blocks": (4, 80, 80)}
FULL_DIFFERENCE: Shapes = {f"{_KOHYA}.diff": (320, 768)}
EMBEDDING_SD1: Shapes = {"emb_params": (4, 768)}
EMBEDDING_SD2: Shapes = {"<my-cat>": (1, 1024)}
EMBEDDING_SDXL: Shapes = {"clip_l": (2, 768), "clip_g": (2, 1280)}
CONTROLNET_SD1: Shapes = {
    "control_model.time_embed.0.weight": (1280, 320),
    "control_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, 768),
}
CONTROLNET_SDXL: Shapes = {
    "controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3),
    "add_embedding.linear_1.weight": (1280, 2816),
    "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_k.weight": (640, 640),
    "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight": (640, 2048),
}
VAE_ORIGINAL: Shapes = {"encoder.conv_in.weight": (128, 3, 3, 3), "decoder.conv_in.weight": (512, 4, 3, 3)}
VAE_PREFIXED: Shapes = _SD_VAE
VAE_OF_FLUX: Shapes = {"encoder.conv_in.weight": (128, 3, 3, 3), "decoder.conv_in.weight": (512, 16, 3, 3)}
EMBEDDING_ONE_VECTOR: Shapes = {"<style>": (768,)}
_RRDB = {"conv_first.weight": (64, 3, 3, 3), "conv_last.weight": (3, 64, 3, 3)}
ESRGAN_OLD: Shapes = {
    "model.0.weight": (64, 3, 3, 3),
    "model.1.sub.0.RDB1.conv1.0.weight": (32, 64, 3, 3),
    **{f"model.{place}.weight": (64, 64, 3, 3) for place in (3, 6, 8)},
    "model.10.weight": (3, 64, 3, 3),
}
ESRGAN_OLD_2X: Shapes = {
    **{
        name: shape
        for name, shape in ESRGAN_OLD.items()
        if name not in ("model.6.weight", "model.8.weight", "model.10.weight")
    },
    "model.5.weight": (64, 64, 3, 3),
    "model.7.weight": (3, 64, 3, 3),
}
ESRGAN_NEW: Shapes = {
    **_RRDB,
    "RRDB_trunk.0.RDB1.conv1.weight": (32, 64, 3, 3),
    "upconv1.weight": (64, 64, 3, 3),
    "upconv2.weight": (64, 64, 3, 3),
}
_REAL = {
    **_RRDB,
    "body.0.rdb1.conv1.weight": (32, 64, 3, 3),
    "conv_up1.weight": (64, 64, 3, 3),
    "conv_up2.weight": (64, 64, 3, 3),
}
REAL_ESRGAN: Shapes = {f"params_ema.{name}": shape for name, shape in _REAL.items()}
REAL_ESRGAN_2X: Shapes = {**_REAL, "conv_first.weight": (64, 12, 3, 3)}  # a pixel unshuffle halves each side first
COMPACT: Shapes = {
    "body.0.weight": (64, 3, 3, 3), "body.0.bias": (64,), "body.1.weight": (64,),
    "body.34.weight": (48, 64, 3, 3), "body.34.bias": (48,),
}  # fmt: skip
_SWIN = {
    "conv_first.weight": (180, 3, 3, 3),
    "layers.0.residual_group.blocks.0.norm1.weight": (180,),
    "layers.0.residual_group.blocks.0.mlp.fc1.bias": (360,),
}
_SHUFFLED = {
    "conv_before_upsample.0.weight": (64, 180, 3, 3),
    "upsample.0.weight": (256, 64, 3, 3),
    "upsample.2.weight": (256, 64, 3, 3),
    "conv_last.weight": (3, 64, 3, 3),
}
SWINIR: Shapes = {
    **_SWIN, "conv_before_upsample.0.weight": (64, 180, 3, 3),
    "conv_up1.weight": (64, 64, 3, 3), "conv_up2.weight": (64, 64, 3, 3), "conv_last.weight": (3, 64, 3, 3),
}  # fmt: skip
SWINIR_LIGHT: Shapes = {**_SWIN, "upsample.0.weight": (12, 60, 3, 3)}
HAT: Shapes = {**_SWIN, **_SHUFFLED, "layers.0.residual_group.blocks.0.conv_block.cab.0.weight": (60, 180, 3, 3)}
DAT: Shapes = {
    "conv_first.weight": (180, 3, 3, 3), "before_RG.1.weight": (180,),
    "layers.0.blocks.0.attn.qkv.weight": (540, 180), **_SHUFFLED,
}  # fmt: skip
SPAN: Shapes = {
    "conv_1.sk.weight": (48, 3, 1, 1), "block_1.c1_r.sk.weight": (48, 48, 1, 1), "upsampler.0.weight": (48, 48, 3, 3),
}  # fmt: skip
UPSCALER: Shapes = {"model.0.weight": (64, 3, 3, 3), "model.1.sub.0.RDB1.conv1.0.weight": (32, 64, 3, 3)}
LLLITE: Shapes = {"lllite_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.down.0.weight": (32, 640)}
ESRGAN_PLUS: Shapes = {**ESRGAN_OLD, "model.1.sub.0.RDB1.conv1x1.weight": (32, 64, 1, 1)}
T5: Shapes = {"encoder.block.0.layer.0.SelfAttention.q.weight": (4096, 4096)}
LONE_UNET: Shapes = {name: shape for name, shape in SD1.items() if name.startswith(_UNET)}
WITHOUT_VAE: Shapes = {name: shape for name, shape in SD1.items() if "first_stage" not in name}
OTHER: Shapes = {"blocks.0.attn.weight": (8, 8)}


def write_header_file(
    file: Path, shapes: Shapes, *, dtype: str = "F16", metadata: Mapping[str, str] | None = None
) -> Path:
    """A file that says it holds tensors of these shapes, and is as long as it says."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + math.prod(shape) * _BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    return write_raw(file, text, end)


def write_raw(file: Path, header: bytes, data_bytes: int = 0, *, length: int | None = None) -> Path:
    """A file with these very header bytes; ``length`` lies about them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    stated = len(header) if length is None else length
    with file.open("wb") as stream:
        stream.write(stated.to_bytes(8, "little") + header)
        stream.truncate(8 + len(header) + data_bytes)
    return file


def spoil(file: Path) -> None:
    """Another last byte, and the same size and time, as a disk does it."""
    times = file.stat()
    with file.open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        stream.write(b"\x01")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
