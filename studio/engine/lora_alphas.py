"""How strong a LoRA of peft or diffusers is: they keep alpha in a configuration, not in a tensor of each module.

diffusers writes that into the file's metadata (``loaders/lora_base.py``, LORA_ADAPTER_METADATA_KEY), for each network
behind its name; peft writes ``adapter_config.json`` beside ``adapter_model.safetensors``. Where neither is, such a LoRA
counts as it is, as it does there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_IN_METADATA = "lora_adapter_metadata"
_NETWORKS = ("unet.", "text_encoder_2.", "text_encoder.")
_OF_PEFT, _BESIDE_IT = "adapter_model.safetensors", "adapter_config.json"


class Alphas:
    """What a configuration says of the modules of one file; of nothing if it is not there or cannot be understood."""

    def __init__(self, path: Path, metadata: Mapping[str, str]) -> None:
        self._said = _object(metadata.get(_IN_METADATA, ""))
        if not self._said and path.name == _OF_PEFT:
            try:
                self._said = _object(path.with_name(_BESIDE_IT).read_text(encoding="utf-8"))
            except (OSError, ValueError):
                self._said = {}

    def of(self, module: str, rank: int) -> float | None:
        """The alpha of a module, as it is divided by the rank; ``None`` where nothing is said of it."""
        network = next((one for one in _NETWORKS if module.startswith(one)), "")
        if f"{network}lora_alpha" not in self._said:
            network = ""
        alpha = self._said.get(f"{network}lora_alpha")
        patterns = self._said.get(f"{network}alpha_pattern")
        for pattern, special in patterns.items() if isinstance(patterns, dict) else ():
            if _means(pattern, module):
                alpha = special
                break
        if not isinstance(alpha, int | float) or isinstance(alpha, bool):
            return None
        # Kalajdzievski 2023 (arXiv:2312.03732): rank-stabilised LoRA is divided by the root of the rank.
        return alpha * rank**0.5 if self._said.get(f"{network}use_rslora") is True else float(alpha)


def _means(pattern: str, module: str) -> bool:
    """Whether a pattern is of that module. To peft it may be a regular expression; what both programs write into files
    are the modules' names, and a file's expression might take for ever.
    """
    name = pattern.removeprefix("^")
    return module == name or module.endswith(f".{name}")


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
