"""NovelAI: PNG chunks ``Software``, ``Source``, ``Description`` and a JSON ``Comment``, or all in the alpha channel.

Format: https://docs.novelai.net and https://github.com/NovelAI/novelai-image-metadata.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from studio.dialects.reading import Draft, Reading, as_float, as_int
from studio.dialects.sampler_names import k_sampler, k_schedule

PROGRAM = "NovelAI"
_SOURCE_HASH = re.compile(r"\s+([0-9A-F]{8})$")
_KNOWN = (
    "prompt", "uc", "steps", "scale", "seed", "width", "height", "sampler", "noise_schedule", "strength", "noise",
    "request_type", "n_samples", "v4_prompt", "v4_negative_prompt", "signed_hash", "version",
)  # fmt: skip


def is_comment(content: Mapping[str, Any]) -> bool:
    """Whether a JSON object is one of NovelAI's."""
    return "uc" in content and "sampler" in content and "scale" in content


def read_comment(content: Mapping[str, Any], description: str = "", source: str = "") -> Reading:
    """The recipe in its ``Comment``; prompt and model may stand in the chunks beside it."""
    draft = Draft(PROGRAM)
    draft.put("prompt", content.get("prompt") or description)
    draft.put("negative_prompt", content.get("uc"))
    draft.put("steps", as_int(content.get("steps")))
    draft.put("guidance_scale", as_float(content.get("scale")), "scale")
    draft.put("width_px", as_int(content.get("width")), "width")
    draft.put("height_px", as_int(content.get("height")), "height")
    draft.put_seed(content.get("seed"))
    if content.get("sampler"):
        draft.put("sampler", k_sampler(str(content["sampler"])))
    if content.get("noise_schedule"):
        draft.put("schedule", k_schedule(str(content["noise_schedule"])))
    if source:
        draft.put("checkpoint", _SOURCE_HASH.sub("", source.strip()))
    _mode(draft, content)
    draft.leave_all(content, *_KNOWN)
    characters = _characters(content)
    if characters:
        draft.leave("characters", characters)
    words = draft.fields.get("prompt", "") + draft.fields.get("negative_prompt", "")
    if any(mark in words for mark in "{}[]") or re.search(r"\d::", words):
        draft.notes.append("NovelAI weighs words with {}, [] and 1.2::…::, which mean something else here.")
    return draft.done()


def _mode(draft: Draft, content: Mapping[str, Any]) -> None:
    kind = str(content.get("request_type") or "")
    if "Infill" in kind:
        draft.put("mode", "inpaint")
    elif "Img2Img" in kind:
        draft.put("mode", "image")
        draft.put("denoising_strength", as_float(content.get("strength")), "strength")


def _characters(content: Mapping[str, Any]) -> list[str]:
    """The prompts of single characters, which version 4 keeps apart."""
    caption = content.get("v4_prompt")
    for key in ("caption", "char_captions"):
        caption = caption.get(key) if isinstance(caption, dict) else None
    found = caption if isinstance(caption, list) else []
    return [str(one.get("char_caption")) for one in found if isinstance(one, dict) and one.get("char_caption")]
