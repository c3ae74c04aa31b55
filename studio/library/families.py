"""The configurations and tokenizers that single files leave out, shipped as folders in the diffusers layout.

``assets/families/<name>/`` holds one folder for each network with its ``config.json`` and no weights, the scheduler's
configuration, and the tokenizers, whose one vocabulary lies beside in ``assets/families/tokenizer``. A checkpoint's
own markers (v-prediction, zero terminal SNR) go before the scheduler's configuration there.
"""

from __future__ import annotations

from pathlib import Path

from studio.library.card import Family, Prediction
from studio.paths import shipped

FAMILIES = ("sd1", "sd1-inpainting", "sd2", "sd2-base", "sd2-inpainting", "sdxl", "sdxl-inpainting")
"""The folders there are. ``sd2`` is the 768-pixel one with v-prediction, ``sd2-base`` the 512-pixel one without."""


def family_folder(family: Family, prediction: Prediction = "epsilon", *, inpainting: bool = False) -> Path | None:
    """The folder of configurations for a checkpoint; ``None`` for families that have none here."""
    name: str = family
    if inpainting:
        name = f"{family}-inpainting"
    elif family == "sd2" and prediction == "epsilon":
        name = "sd2-base"
    return shipped("assets") / "families" / name if name in FAMILIES else None
