"""The running average of weights that is shipped instead of the last step's. Owns the average alone."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential moving average of named weights, float32, with a warm-up so that early steps are soon forgotten."""

    def __init__(self, modules: dict[str, nn.Module], decay: float) -> None:
        self.modules = modules
        self.decay = decay
        self.weights = {name: weight.detach().clone() for name, weight in self._live()}

    def _live(self) -> Iterable[tuple[str, Tensor]]:
        for prefix, module in self.modules.items():
            for name, weight in module.state_dict().items():
                yield f"{prefix}.{name}", weight

    def update(self, step: int) -> None:
        """Take in the weights after `step`; the decay starts low (Karras et al.

        2024, sec. 3.1, say why a fixed one lags).
        """
        decay = min(self.decay, (1 + step) / (10 + step))
        live = [(self.weights[name], weight) for name, weight in self._live() if weight.is_floating_point()]
        torch._foreach_lerp_([old for old, _ in live], [new for _, new in live], 1 - decay)

    def copy_to(self, modules: dict[str, nn.Module]) -> None:
        """Load the average into modules of the same architecture."""
        for prefix, module in modules.items():
            start = f"{prefix}."
            module.load_state_dict({n.removeprefix(start): w for n, w in self.weights.items() if n.startswith(start)})
