"""An infotext as the flat dictionary that A1111's API and its form know.

Owns the defaults A1111 inserts for keys its writer leaves out. It answers clients of that API; the studio itself
works with recipes. Source: answers of A1111 1.10 to ``POST /sdapi/v1/png-info``.
"""

from __future__ import annotations

import re

from studio.recipe.infotext import split
from studio.recipe.parameter_line import pairs_in

FlatParameters = dict[str, str | int | bool]

_SIZE = re.compile(r"(\d+)x(\d+)")
# A1111 parses the prompts to know; an unescaped bracket is what makes a weight.
_WEIGHT = re.compile(r"(?<!\\)[(\[]")
_DEFAULTS: FlatParameters = {
    "Clip skip": "1",
    "Hires resize-1": 0,
    "Hires resize-2": 0,
    "Hires sampler": "Use same sampler",
    "Hires schedule type": "Use same scheduler",
    "Hires checkpoint": "Use same checkpoint",
    "Hires prompt": "",
    "Hires negative prompt": "",
    "Mask mode": "Inpaint masked",
    "Masked content": "original",
    "Inpaint area": "Whole picture",
    "Masked area padding": 32,
    "RNG": "GPU",
    "Schedule type": "Automatic",
    "Schedule max sigma": 0,
    "Schedule min sigma": 0,
    "Schedule rho": 0,
    "VAE Encoder": "Full",
    "VAE Decoder": "Full",
    "FP8 weight": "Disable",
    "Refiner switch by sampling steps": False,
}


def flat_parameters(text: str) -> FlatParameters:
    """Key to value: sizes split into ``Key-1`` and ``Key-2``, defaults inserted, no blanks at the ends of prompt lines.

    Raises:
        InvalidField: a text longer than any infotext.
    """
    prompt, negative_prompt, line = split(text)
    found: FlatParameters = {"Prompt": _stripped(prompt), "Negative prompt": _stripped(negative_prompt)}
    for key, value in pairs_in(line):
        size = _SIZE.fullmatch(value)
        found.update({f"{key}-1": size[1], f"{key}-2": size[2]} if size else {key: value})
    for key, default in _DEFAULTS.items():
        found.setdefault(key, default)
    if _WEIGHT.search(prompt) or _WEIGHT.search(negative_prompt):
        found.setdefault("Emphasis", "Original")
    return found


def _stripped(prompt: str) -> str:
    return "\n".join(line.strip() for line in prompt.split("\n")).lstrip("\n")
