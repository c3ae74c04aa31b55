"""Adapters over clean weights: what the LoRAs of an outfit make of each tensor of a chassis.

It keeps the files that were used lately, under a bound of bytes, and owns what it means for an adapter to fit: at least
one of its modules must be found, and every module that is found must have the right shape.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from studio.engine.chassis import Chassis, Patches
from studio.engine.lora_file import AdapterModule, read_adapter
from studio.engine.lora_names import component_and_flat_name, matched, parameters_by_flat_name
from studio.engine.outfit import Outfit
from studio.errors import UnsupportedModel
from studio.library.stamps import stamp

log = logging.getLogger(__name__)

KEPT_BYTES = 1_000_000_000

Change = Callable[[Tensor], Tensor]
"""What an adapter adds to a clean tensor at weight 1."""

Term = tuple[float, Change]
"""A weight, and the change it weighs."""


class AdapterShelf:
    """The adapter files used lately. ``kept_bytes`` bounds what they take in host memory."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._files: OrderedDict[Path, tuple[object, dict[str, AdapterModule]]] = OrderedDict()

    def clear(self) -> None:
        """Let go of all files."""
        self._files.clear()

    def patches(self, outfit: Outfit, chassis: Chassis) -> Patches:
        """What the adapters of ``outfit`` make of the tensors of ``chassis``.

        Raises:
            DamagedModel: a file cannot be read.
            UnsupportedModel: an adapter that fits none of the networks, or not in shape.
        """
        terms: dict[str, dict[str, list[Term]]] = {}
        for worn in outfit.adapters:
            found = self._fitted(worn.path, chassis)
            for component, deltas in found.items():
                weight = worn.unet_weight if component == "unet" else worn.text_weight
                if weight:
                    for name, delta in deltas.items():
                        terms.setdefault(component, {}).setdefault(name, []).append((weight, delta))
        return {name: {key: _sum(mine) for key, mine in parts.items()} for name, parts in terms.items()}

    def _fitted(self, path: Path, chassis: Chassis) -> Mapping[str, Mapping[str, Change]]:
        """The deltas of a file by component and parameter."""
        flat = {name: parameters_by_flat_name(shapes) for name, shapes in chassis.skeleton.items()}
        found: dict[str, dict[str, Change]] = {}
        strange = 0
        for module_name, module in self._modules(path).items():
            component, name = component_and_flat_name(module_name)
            parameter = matched(name, flat[component]) if component in flat else None
            if parameter is None:
                strange += 1
                continue
            mine = found.setdefault(component, {})
            if module.has_weight:
                mine[parameter] = _change_of(module, parameter, path)
            bias = parameter.removesuffix("weight") + "bias"
            if module.bias is not None and bias in chassis.skeleton[component]:
                mine[bias] = _bias_of(module)
        if not found:
            raise UnsupportedModel(
                f"The LoRA {path.name} changes nothing in this checkpoint: it is made for another kind of network."
            )
        if strange:
            log.info("%d modules of %s have no place in this checkpoint.", strange, path.name)
        return found

    def _modules(self, path: Path) -> dict[str, AdapterModule]:
        as_of = stamp(path)
        kept = self._files.get(path)
        if kept is None or kept[0] != as_of:
            kept = self._files[path] = (as_of, read_adapter(path))
        self._files.move_to_end(path)
        while len(self._files) > 1 and sum(map(_bytes, self._files.values())) > self._kept_bytes:
            self._files.popitem(last=False)
        return kept[1]


def _bytes(kept: tuple[object, dict[str, AdapterModule]]) -> int:
    return sum(tensor.nbytes for module in kept[1].values() for tensor in module.factors.values())


def _change_of(module: AdapterModule, parameter: str, path: Path) -> Change:
    def change(clean: Tensor) -> Tensor:
        try:
            return module.change(clean)
        except UnsupportedModel as error:
            raise UnsupportedModel(
                f"The LoRA {path.name} does not fit this checkpoint at {parameter}: {error}."
            ) from error

    return change


def _bias_of(module: AdapterModule) -> Change:
    def change(clean: Tensor) -> Tensor:
        assert module.bias is not None
        return module.bias

    return change


def _sum(terms: list[Term]) -> Callable[[Tensor], Tensor]:
    """Clean plus all changes, added in the prompt's order. Each is of the clean tensor, whatever the others do."""

    def patched(clean: Tensor) -> Tensor:
        result = clean
        for weight, change in terms:
            result = result.add(change(clean).to(clean.device), alpha=weight)
        return result

    return patched
