"""Fooocus: a JSON object in ``parameters`` (PNG) or EXIF's ``UserComment`` (JPEG, WebP), scheme "fooocus".

Format: what its log and its own reader name, modules/meta_parser.py of version 2.5 (facts only). Its other scheme
writes A1111's text, which is read as that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from studio.dialects.reading import Draft, Part, Reading, as_float, as_int, model_name
from studio.dialects.sampler_names import k_sampler, k_schedule

PROGRAM = "Fooocus"
_NUMBER = re.compile(r"\d+")
_KNOWN = (
    "prompt", "negative_prompt", "steps", "guidance_scale", "seed", "resolution", "sampler", "scheduler", "base_model",
    "base_model_hash", "loras", "vae", "clip_skip", "full_prompt", "full_negative_prompt", "metadata_scheme",
    "version", "created_by", "performance",
)  # fmt: skip


def is_fooocus(content: Mapping[str, Any]) -> bool:
    """Whether a JSON object is one of Fooocus'."""
    return "base_model" in content and "prompt" in content


def read_json(content: Mapping[str, Any]) -> Reading:
    """The recipe in its JSON."""
    draft = Draft(PROGRAM)
    draft.put("prompt", content.get("prompt"))
    draft.put("negative_prompt", content.get("negative_prompt"))
    draft.put("steps", as_int(content.get("steps")))
    draft.put("guidance_scale", as_float(content.get("guidance_scale")))
    draft.put("clip_skip", as_int(content.get("clip_skip")))
    draft.put_seed(as_int(content.get("seed")))
    sides = _NUMBER.findall(str(content.get("resolution") or ""))
    if len(sides) == 2:
        draft.put("width_px", int(sides[0]), "resolution")
        draft.put("height_px", int(sides[1]), "resolution")
    if content.get("sampler"):
        draft.put("sampler", k_sampler(str(content["sampler"])))
    if content.get("scheduler"):
        draft.put("schedule", k_schedule(str(content["scheduler"])))
    if content.get("base_model"):
        draft.put("checkpoint", model_name(content["base_model"]))
    draft.model_hash = str(content.get("base_model_hash") or "")[:64]
    draft.parts += _loras(content)
    vae = model_name(content.get("vae"))
    if vae and not vae.lower().startswith("default"):
        draft.parts.append(Part("vae", vae))
    draft.leave_all({key: value for key, value in content.items() if not key.startswith("lora_combined_")}, *_KNOWN)
    if content.get("styles") not in (None, "", "[]", []):
        draft.notes.append("Its styles added words of their own to the prompt; they are under “full_prompt”.")
        draft.leave("full_prompt", content.get("full_prompt"))
    return draft.done()


def _loras(content: Mapping[str, Any]) -> Iterator[Part]:
    """Name, weight and hash of each; older files have ``lora_combined_1``: ``name : weight``."""
    listed = content.get("loras")
    if isinstance(listed, list) and listed:
        for entry in listed:
            if isinstance(entry, list) and len(entry) >= 2:
                sha256 = str(entry[2]) if len(entry) > 2 else ""
                yield Part("lora", model_name(entry[0]), sha256, as_float(entry[1]))
        return
    for key, value in content.items():
        pieces = [piece.strip() for piece in str(value).split(" : ")]
        if key.startswith("lora_combined_") and len(pieces) >= 2 and pieces[0] != "False":
            yield Part("lora", model_name(pieces[-2]), weight=as_float(pieces[-1]))
