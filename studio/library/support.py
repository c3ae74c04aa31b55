"""What the engine can run, in one table, and the sentence for everything else.

A family that the engine learns is added to `RUNS`; nothing else in the library changes.
"""

from __future__ import annotations

from typing import get_args

from studio.library.card import Family, Layout
from studio.library.identify import Identity

RUNS: frozenset[tuple[Layout, Family]] = frozenset(
    (layout, family) for layout in get_args(Layout) for family in ("sd1", "sd2", "sdxl")
)

UPSCALERS: frozenset[str] = frozenset({"ESRGAN", "Real-ESRGAN", "Compact"})
"""The architectures of upscalers that the engine can build."""

ADAPTERS: frozenset[str] = frozenset({"LoRA", "LoCon", "LoHa", "LoKr", "DoRA", "full difference"})
"""The forms of LoRAs that the engine can apply."""

FAMILY_NAMES: dict[Family, str] = {
    "sd1": "Stable Diffusion 1.x",
    "sd2": "Stable Diffusion 2.x",
    "sdxl": "Stable Diffusion XL",
    "sdxl-refiner": "Stable Diffusion XL refiner",
    "sd3": "Stable Diffusion 3",
    "sd3.5": "Stable Diffusion 3.5",
    "flux": "Flux",
}

LATER_FAMILIES: frozenset[Family] = frozenset({"sd3", "sd3.5", "flux"})

PICKLED = (
    "Its weights are pickled, and reading such a file can run code, so the studio leaves it closed. "
    "Convert it to safetensors, here or with `studio models convert`."
)


_WHOLE = (
    "A VAE can be taken from another file, a text encoder cannot: get the checkpoint with all its parts, "
    "which is one file of some gigabytes or a folder with model_index.json."
)
"""What to do about a file that lacks a text encoder."""


def unsupported(identity: Identity, layout: Layout) -> str | None:
    """Why a sound checkpoint cannot be run, in one sentence or two; ``None`` when it can."""
    family = FAMILY_NAMES.get(identity.family)
    if identity.kind == "unet":
        return f"It holds the UNet alone, without its text encoder and VAE. {_WHOLE}"
    if family is None:
        return "It is a checkpoint of a family that the studio does not know."
    if identity.variant:
        return f"It is a {identity.variant} variant of {family}, which the studio cannot run yet."
    if (layout, identity.family) not in RUNS:
        return f"It is a {family} checkpoint, which the studio recognises but cannot run yet."
    if identity.lacks:
        return f"It lacks {' and '.join(identity.lacks)}. {_WHOLE}"
    return None


def odd_part(identity: Identity) -> str | None:
    """Why a part that is no checkpoint cannot be used, in a sentence; ``None`` when it can, or when nobody asks."""
    part = identity.part
    if identity.kind == "upscaler" and part.form not in UPSCALERS:
        return f"It is an upscaler of the architecture {part.form}, which the studio recognises but cannot run yet."
    if identity.kind == "upscaler" and not part.factor:
        return f"It is an upscaler of the architecture {part.form} whose factor cannot be told."
    if identity.kind == "lora" and identity.family in LATER_FAMILIES:
        return f"It is a LoRA for {FAMILY_NAMES[identity.family]}, which the studio recognises but cannot run yet."
    if identity.kind == "lora" and part.form not in ADAPTERS:
        return f"It is a LoRA of the form {part.form}, which the studio recognises but cannot apply yet."
    if identity.kind == "vae" and identity.family == "other":
        return "It is the VAE of a later family (Stable Diffusion 3 or Flux), which the studio cannot run yet."
    return None
