"""InvokeAI: the chunk ``invokeai_metadata`` since version 3, ``sd-metadata`` and ``Dream`` before.

Formats: CoreMetadataInvocation in invokeai/app/invocations/metadata.py (Apache-2.0), and the files of 2.x.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from studio.dialects.reading import Draft, Part, Reading, as_float, as_int, json_object, model_name
from studio.dialects.sampler_names import diffusers_sampler, k_sampler

PROGRAM = "InvokeAI"
_WEIGHED = re.compile(r"[\w)\"'](\+\+|--)|\)[+\-\d]")
_NEGATIVE = re.compile(r"\[([^\[\]]*)\]")
_SWITCH = re.compile(r"\s-(\w+)\s*([^\s]+)")
_TILINGS = {(True, True): "both", (True, False): "horizontal", (False, True): "vertical"}
_KNOWN = (
    "generation_mode", "positive_prompt", "negative_prompt", "width", "height", "seed", "rand_device", "cfg_scale",
    "steps", "scheduler", "seamless_x", "seamless_y", "clip_skip", "model", "loras", "strength", "init_image", "vae",
    "app_version", "positive_style_prompt", "negative_style_prompt",
)  # fmt: skip


def read_metadata(content: Mapping[str, Any]) -> Reading:
    """The recipe in ``invokeai_metadata``."""
    draft = Draft(PROGRAM)
    for name, key in (("prompt", "positive_prompt"), ("negative_prompt", "negative_prompt")):
        draft.put(name, content.get(key))
    for name, key in (("width_px", "width"), ("height_px", "height"), ("steps", "steps")):
        draft.put(name, as_int(content.get(key)), key)
    draft.put_seed(content.get("seed"))
    draft.put("guidance_scale", as_float(content.get("cfg_scale")), "cfg_scale")
    if content.get("scheduler"):
        sampler, schedule = diffusers_sampler(str(content["scheduler"]))
        draft.put("sampler", sampler)
        draft.put("schedule", schedule)
    if content.get("rand_device") not in (None, "cpu"):
        draft.put("noise", "philox")
    skipped = as_int(content.get("clip_skip"))
    if skipped is not None:
        draft.put("clip_skip", skipped + 1, "clip_skip")  # it counts the layers left out, A1111 the last one used
    tiling = _TILINGS.get((bool(content.get("seamless_x")), bool(content.get("seamless_y"))))
    draft.put("tiling", tiling)
    _mode(draft, str(content.get("generation_mode") or ""), content)
    _models(draft, content)
    draft.leave_all(content, *_KNOWN)
    for key, same in (("positive_style_prompt", "positive_prompt"), ("negative_style_prompt", "negative_prompt")):
        if content.get(key) != content.get(same):
            draft.leave(key, content.get(key))
    _note_weights(draft)
    return draft.done()


def read_sd_metadata(content: Mapping[str, Any]) -> Reading:
    """The recipe in ``sd-metadata``, as version 2 wrote it."""
    image = json_object(content.get("image")) or {}
    prompts = image.get("prompt")
    first = prompts[0] if isinstance(prompts, list) and prompts else prompts
    words = first.get("prompt") if isinstance(first, dict) else first
    draft = Draft(PROGRAM)
    _old_prompt(draft, str(words or ""))
    _old_settings(draft, image)
    if content.get("model_weights"):
        draft.put("checkpoint", model_name(content["model_weights"]))
    draft.model_hash = str(content.get("model_hash") or "")[:64]
    return draft.done()


def read_dream(text: str) -> Reading:
    """The recipe in ``Dream``: a prompt in quotes and switches, as version 1 wrote it."""
    draft = Draft(PROGRAM)
    quoted, _, rest = text.strip().removeprefix('"').rpartition('"')
    _old_prompt(draft, quoted)
    names = {"s": "steps", "S": "seed", "W": "width", "H": "height", "C": "cfg_scale", "A": "sampler"}
    _old_settings(draft, {names.get(key, key): value for key, value in _SWITCH.findall(f" {rest}")})
    return draft.done()


def _mode(draft: Draft, mode: str, content: Mapping[str, Any]) -> None:
    if "inpaint" in mode or "outpaint" in mode:
        draft.put("mode", "inpaint")
    elif "img2img" in mode:
        draft.put("mode", "image")
    else:
        return
    draft.put("denoising_strength", as_float(content.get("strength")), "strength")


def _models(draft: Draft, content: Mapping[str, Any]) -> None:
    if _name(content.get("model")):
        draft.put("checkpoint", _name(content.get("model")), "model")
    loras = content.get("loras")
    for entry in loras if isinstance(loras, list) else []:
        if isinstance(entry, dict) and (name := _name(entry.get("model") or entry.get("lora"))):
            weight = as_float(entry.get("weight"))
            draft.parts.append(Part("lora", name, weight=1.0 if weight is None else weight))
    if _name(content.get("vae")):
        draft.parts.append(Part("vae", _name(content.get("vae"))))


def _name(model: Any) -> str:
    """The name in one of its model fields; its own hashes (BLAKE3) name no file of ours."""
    return model_name(model.get("name") or model.get("model_name")) if isinstance(model, dict) else ""


def _old_prompt(draft: Draft, words: str) -> None:
    """In old prompts the negative words stand in square brackets."""
    draft.put("prompt", " ".join(_NEGATIVE.sub(" ", words).split()))
    draft.put("negative_prompt", ", ".join(found.strip() for found in _NEGATIVE.findall(words) if found.strip()))
    _note_weights(draft)


def _old_settings(draft: Draft, image: Mapping[str, Any]) -> None:
    for name, key in (("steps", "steps"), ("width_px", "width"), ("height_px", "height")):
        draft.put(name, as_int(image.get(key)), key)
    draft.put_seed(as_int(image.get("seed")))
    draft.put("guidance_scale", as_float(image.get("cfg_scale")), "cfg_scale")
    if image.get("sampler"):
        draft.put("sampler", k_sampler(str(image["sampler"])))
    draft.put("tiling", "both" if image.get("seamless") is True else None)
    if image.get("type") == "img2img":
        draft.put("mode", "image")
        draft.put("denoising_strength", as_float(image.get("strength")), "strength")
    draft.leave_all(image, "prompt", "steps", "width", "height", "seed", "cfg_scale", "sampler", "seamless", "type")


def _note_weights(draft: Draft) -> None:
    if _WEIGHED.search(draft.fields.get("prompt", "") + draft.fields.get("negative_prompt", "")):
        draft.notes.append("InvokeAI weighs words with + and -, which are only letters here: write (word:1.1) instead.")
