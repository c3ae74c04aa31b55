"""Texts as other programs write them, put together by hand from their public formats; each names its source."""

from __future__ import annotations

import json
from typing import Any


def comfy(**changes: dict[str, Any]) -> dict[str, Any]:
    """ComfyUI's default workflow with a LoRA and a clip skip, in API format (https://docs.comfy.org)."""
    graph: dict[str, Any] = {
        "3": {"class_type": "KSampler", "inputs": {
            "seed": 156680208700286, "steps": 20, "cfg": 8, "sampler_name": "dpmpp_2m_sde_gpu", "scheduler": "karras",
            "denoise": 1, "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15\\toy-a.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "beautiful scenery, bottle", "clip": ["11", 0]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text, watermark", "clip": ["11", 0]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}},
        "10": {"class_type": "LoraLoader", "inputs": {
            "lora_name": "styles/glow.safetensors", "strength_model": 0.8, "strength_clip": 1.0,
            "model": ["4", 0], "clip": ["4", 1]}},
        "11": {"class_type": "CLIPSetLastLayer", "inputs": {"stop_at_clip_layer": -2, "clip": ["10", 1]}},
    }  # fmt: skip
    return {**graph, **changes}


COMFY_SECOND_PASS = comfy(
    **{
        "9": {"class_type": "SaveImage", "inputs": {"images": ["14", 0]}},
        "12": {"class_type": "LatentUpscaleBy", "inputs": {
            "upscale_method": "nearest-exact", "scale_by": 1.5, "samples": ["3", 0]}},
        "13": {"class_type": "KSampler", "inputs": {
            "seed": 1, "steps": 14, "cfg": 8, "sampler_name": "dpmpp_2m", "scheduler": "simple", "denoise": 0.5,
            "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["12", 0]}},
        "14": {"class_type": "VAEDecode", "inputs": {"samples": ["13", 0], "vae": ["15", 0]}},
        "15": {"class_type": "VAELoader", "inputs": {"vae_name": "vae-ft-mse.safetensors"}},
    }
)  # fmt: skip
"""ComfyUI's "hires fix" example (https://comfyanonymous.github.io/ComfyUI_examples/2_pass_txt2img/)."""

COMFY_CUSTOM = {
    "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "toy-a.safetensors", "weight_dtype": "default"}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"text": ["9", 0], "clip": ["8", 0]}},
    "3": {"class_type": "RandomNoise", "inputs": {"noise_seed": 7}},
    "4": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
    "5": {"class_type": "BasicScheduler", "inputs": {
        "scheduler": "simple", "steps": 12, "denoise": 0.6, "model": ["1", 0]}},
    "6": {"class_type": "CFGGuider", "inputs": {
        "cfg": 4.5, "model": ["1", 0], "positive": ["2", 0], "negative": ["12", 0]}},
    "7": {"class_type": "SamplerCustomAdvanced", "inputs": {
        "noise": ["3", 0], "guider": ["6", 0], "sampler": ["4", 0], "sigmas": ["5", 0], "latent_image": ["11", 0]}},
    "8": {"class_type": "DualCLIPLoader", "inputs": {}},
    "9": {"class_type": "PrimitiveString", "inputs": {"value": "from a node of its own"}},
    "10": {"class_type": "LoadImage", "inputs": {"image": "cat.png"}},
    "11": {"class_type": "VAEEncode", "inputs": {"pixels": ["10", 0], "vae": ["1", 0]}},
    "12": {"class_type": "ConditioningConcat", "inputs": {
        "conditioning_to": ["13", 0], "conditioning_from": ["14", 0]}},
    "13": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["8", 0]}},
    "14": {"class_type": "CLIPTextEncode", "inputs": {"text": "dull", "clip": ["8", 0]}},
    "15": {"class_type": "SaveImage", "inputs": {"images": ["16", 0]}},
    "16": {"class_type": "FancyDecode", "inputs": {"samples": ["7", 0]}},
}  # fmt: skip
"""Nodes of the "custom sampling" examples (https://comfyanonymous.github.io/ComfyUI_examples/)."""

INVOKE = {
    "app_version": "6.3.0", "generation_mode": "sdxl_txt2img", "positive_prompt": "a (red)1.2 fox++",
    "negative_prompt": "text", "positive_style_prompt": "a (red)1.2 fox++", "width": 1024, "height": 832, "seed": 42,
    "rand_device": "cpu", "cfg_scale": 5.5, "cfg_rescale_multiplier": 0.0, "steps": 30, "scheduler": "dpmpp_2m_k",
    "seamless_x": True, "seamless_y": False, "clip_skip": 1,
    "model": {"key": "3f8e", "hash": "blake3:aa11", "name": "toy-a", "base": "sdxl", "type": "main"},
    "loras": [{"model": {"key": "77", "hash": "blake3:bb", "name": "glow", "base": "sdxl", "type": "lora"},
               "weight": 0.75}],
    "ref_images": [{"id": "x"}],
}  # fmt: skip
"""Fields of CoreMetadataInvocation, invokeai/app/invocations/metadata.py (Apache-2.0)."""

INVOKE_2 = {
    "model": "stable diffusion", "model_weights": "toy-a", "model_hash": "0123456789abcdef",
    "app_id": "invoke-ai/InvokeAI", "app_version": "2.3.5",
    "image": {"prompt": [{"prompt": "a fox [text, blur] in snow", "weight": 1.0}], "steps": 50, "cfg_scale": 7.5,
              "threshold": 0, "perlin": 0, "height": 512, "width": 640, "seed": 99, "seamless": False,
              "type": "txt2img", "sampler": "k_euler_a", "variations": []},
}  # fmt: skip

INVOKE_1 = '"a fox [text] in snow" -s 50 -S 99 -W 640 -H 512 -C 7.5 -A k_lms'

FOOOCUS = {
    "adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "toy-a", "base_model_hash": "1234567890",
    "clip_skip": 2, "full_negative_prompt": ["dog", "blurry"], "full_prompt": ["cinematic still a fox", "a fox"],
    "guidance_scale": 4.0, "loras": [["glow", 0.1, "4852686128"]], "metadata_scheme": "fooocus",
    "negative_prompt": "dog", "performance": "Speed", "prompt": "a fox", "refiner_model": "None",
    "refiner_switch": 0.5, "resolution": "(1152, 896)", "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras",
    "seed": "4519217385123456789", "sharpness": 2.0, "steps": 30, "styles": "['Fooocus V2', 'Fooocus Enhance']",
    "vae": "Default (model)", "version": "Fooocus v2.5.5",
}  # fmt: skip
"""What the "fooocus" scheme of modules/meta_parser.py, version 2.5, writes."""

NOVELAI = {
    "Title": "NovelAI generated image", "Software": "NovelAI", "Source": "NovelAI Diffusion V4.5 4BDE2A90",
    "Description": "1girl, {fox ears}, snow", "Generation time": "3.14",
    "Comment": json.dumps({
        "prompt": "1girl, {fox ears}, snow", "steps": 28, "height": 1216, "width": 832, "scale": 5.5,
        "uncond_scale": 0.0, "cfg_rescale": 0.2, "seed": 1234567, "n_samples": 1, "noise_schedule": "karras",
        "v4_prompt": {"caption": {"base_caption": "1girl", "char_captions": [{"char_caption": "girl, fox ears"}]}},
        "sampler": "k_euler_ancestral", "sm": False, "uc": "lowres", "request_type": "PromptGenerateRequest",
    }),
}  # fmt: skip
"""The chunks that https://github.com/NovelAI/novelai-image-metadata reads."""

SDNEXT = (
    "a fox, snow\nNegative prompt: text\nSteps: 20, Seed: 77, Sampler: Euler a, CFG scale: 6, Size: 768x512, "
    "Parser: native, Model: toy-a, Model hash: 0a1b2c3d4e, Clip skip: 2, Backend: Diffusers, App: SD.Next, "
    "Version: c0ffee1, Operations: txt2img; hires, Pipeline: StableDiffusionPipeline, Variation seed: 3, "
    "Variation strength: 0.25, Hires steps: 10, Hires upscaler: Latent, Hires scale: 2.0, Hires resize: 0x0, "
    "Denoising strength: 0.4, Sampler sigma: beta"
)
"""The keys of create_infotext, modules/processing_info.py of vladmandic/sdnext."""

FORGE = (
    "a fox <lora:glow:0.7>\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 5, "
    'Size: 512x512, Model hash: 0a1b2c3d4e, Model: toy-a, Clip skip: 2, Lora hashes: "glow: 0123456789ab", '
    'TI hashes: "easynegative: c74b4e810b03", VAE hash: 735e4c3a44, VAE: vae-ft-mse.safetensors, '
    "Beta schedule alpha: 0.6, Version: f2.0.1v1.10.1-previous-665-gae278f79"
)
"""https://github.com/lllyasviel/stable-diffusion-webui-forge, as its issues show its texts."""
