"""A chassis: the networks of one architecture, built once; a checkpoint is only the weights that are put into it.

Where host and device share their memory (a CPU) the networks are pointed at the weights, which costs nothing; across a
bus the weights are copied into place, which costs one copy, builds nothing and leaves compiled code and captured graphs
valid. Adapters are worn over clean weights: a patched tensor is made from the clean one each time and never from
another patched one, so taking them off leaves no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import transformers
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from studio.engine.architecture import architecture_of
from studio.engine.model_files import CheckpointFiles
from studio.engine.placement import Placement
from studio.engine.weights import Shapes, Weights
from studio.errors import UnsupportedModel

COPIED_AT_ONCE = 250_000_000
"""Bytes: some twenty milliseconds over a bus."""

PATCHED_AT_ONCE = 16
"""Tensors: some ten milliseconds on a GPU, some hundred on a CPU, whose rounds take longer."""

_cast: Any = nn.Module.to

Patches = Mapping[str, Mapping[str, Callable[[Tensor], Tensor]]]
"""By component and parameter: what a clean tensor becomes with the adapters worn, in float32."""


class Chassis:
    """Networks without weights of their own. ``placements`` says where each component lives.

    ``copies`` puts weights in place by copying; by default wherever a component is not on the CPU.

    Raises:
        UnsupportedModel: a configuration that no network can be built from.
    """

    def __init__(self, files: CheckpointFiles, placements: Mapping[str, Placement], copies: bool | None = None) -> None:
        self.architecture = architecture_of(files)
        self.placements = placements
        self.networks: dict[str, Any] = {}
        for name, part in files.components.items():
            self.networks[name] = network_without_weights(name, part.config, part.title)
        self.skeleton: dict[str, Shapes] = {
            name: {key: parameter.shape for key, parameter in network.named_parameters()}
            for name, network in self.networks.items()
        }
        self._copies = {name: not one.on_cpu if copies is None else copies for name, one in placements.items()}
        self._places = {name: _places(network) for name, network in self.networks.items()}
        self._clean: dict[str, Mapping[str, Tensor]] = {}
        self._patched: dict[str, set[str]] = {name: set() for name in self.networks}
        self._built = False

    @property
    def size_bytes(self) -> int:
        """What the networks themselves take on their device: nothing where they are pointed at the weights."""
        return sum(
            shape.numel() * self.placements[name].dtype.itemsize
            for name, shapes in self.skeleton.items()
            if self._copies[name]
            for shape in shapes.values()
        )

    @property
    def patched_bytes(self) -> int:
        """What the adapters worn take beside the weights."""
        return sum(
            self.parameter(name, key).nbytes
            for name, keys in self._patched.items()
            if not self._copies[name]
            for key in keys
        )

    def put(self, weights: Weights) -> None:
        """Put the weights of a checkpoint in, whose adapters are off then."""
        _to_the_end(self.putting(weights))

    def wear(self, patches: Patches) -> None:
        """Wear these adapters and no others; an empty mapping takes all off."""
        _to_the_end(self.wearing(patches))

    @torch.inference_mode()
    def putting(self, weights: Weights) -> Generator[None, None, None]:
        """`put` in pieces, so that others can have the device in between. It is worth nothing until the end."""
        self._build()
        try:
            for name, tensors in weights.components.items():
                if self._clean.get(name) is not tensors or self._patched[name]:
                    yield from self._moving(name, tensors)
                self._clean[name] = tensors
                self._patched[name] = set()
        finally:  # also when it is given up: the memory of what is copied may be used again
            self._wait()

    @torch.inference_mode()
    def wearing(self, patches: Patches) -> Generator[None, None, None]:
        """`wear` in pieces, as `putting`."""
        try:
            for name, clean in self._clean.items():
                yield from self._changing(name, clean, patches.get(name, {}))
        finally:
            self._wait()

    def _moving(self, name: str, tensors: Mapping[str, Tensor]) -> Generator[None, None, None]:
        moved_bytes = 0
        for key, tensor in tensors.items():
            self._set(name, key, tensor)
            moved_bytes += tensor.nbytes if self._copies[name] else 0
            if moved_bytes > COPIED_AT_ONCE:
                moved_bytes = 0
                yield

    def _changing(
        self, name: str, clean: Mapping[str, Tensor], wanted: Mapping[str, Callable[[Tensor], Tensor]]
    ) -> Generator[None, None, None]:
        patched = self._patched[name]
        for key in patched - set(wanted):
            self._set(name, key, clean[key])
            patched.remove(key)
        for number, (key, patch) in enumerate(wanted.items(), 1):
            patched.add(key)
            self._set(name, key, self._patched_by(patch, name, clean[key]))
            if number % PATCHED_AT_ONCE == 0:
                yield

    def _patched_by(self, patch: Callable[[Tensor], Tensor], name: str, clean: Tensor) -> Tensor:
        patched = patch(clean.to(self.placements[name].device).float()).to(clean.dtype)
        return patched.contiguous(memory_format=torch.channels_last if clean.dim() == 4 else torch.contiguous_format)

    def let_go(self) -> None:
        """Look into no weights any more, so that their memory can be used again; `put` gives it others."""
        for name, places in self._places.items():
            if not self._copies[name]:
                for key, (module, attribute) in places.items():
                    empty = torch.empty(self.skeleton[name][key], device="meta")
                    setattr(module, attribute, nn.Parameter(empty, requires_grad=False))
        self._clean = {}
        self._patched = {name: set() for name in self.networks}

    def _build(self) -> None:
        if self._built:
            return
        for name, network in self.networks.items():
            placement = self.placements[name]
            if self._copies[name]:
                # Before there is memory, so that it is taken once and in this size. torch's own: diffusers' warns of
                # layers to keep in float32, of which these networks have none.
                _cast(network, dtype=placement.dtype, memory_format=torch.channels_last)
                network.to_empty(device=placement.device)
            _number_positions(network, placement.device)
        self._built = True

    def _set(self, name: str, key: str, tensor: Tensor) -> None:
        module, attribute = self._places[name][key]
        if self._copies[name]:
            getattr(module, attribute).copy_(tensor, non_blocking=True)
        else:
            # They may have been read for another place, when the device had more room.
            there = tensor.to(self.placements[name].dtype)
            setattr(module, attribute, nn.Parameter(there, requires_grad=False))

    def parameter(self, name: str, key: str) -> Tensor:
        """A tensor of a component as it is now, adapters and all."""
        module, attribute = self._places[name][key]
        parameter: Tensor = getattr(module, attribute)
        return parameter

    def _wait(self) -> None:
        """Until the copies are there, because the next weights may take the place of the ones that are read."""
        for placement in set(self.placements.values()):
            placement.synchronize()


def _to_the_end(pieces: Generator[None, None, None]) -> None:
    for _ in pieces:
        pass


def network_without_weights(name: str, config: Mapping[str, Any], title: str) -> Any:
    """The network of a component, with shapes and no memory.

    Raises:
        UnsupportedModel: a configuration that no network can be built from.
    """
    try:
        with torch.device("meta"), _quietly():
            if name == "unet":
                network: Any = UNet2DConditionModel.from_config(dict(config))
            elif name == "vae":
                network = AutoencoderKL.from_config(dict(config))
            elif name == "text_encoder_2":
                network = CLIPTextModelWithProjection(CLIPTextConfig(**config))
            else:
                network = CLIPTextModel(CLIPTextConfig(**config))
    except Exception as error:
        # The libraries raise nearly every type there is for a configuration that makes no sense.
        raise UnsupportedModel(f"{title} has a configuration that no network can be built from: {error}") from error
    network.requires_grad_(False)
    return network.eval()


@contextmanager
def _quietly() -> Iterator[None]:
    """transformers warns of token ids in configurations; ours come from the tokenizer."""
    before = transformers.utils.logging.get_verbosity()
    transformers.utils.logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers.utils.logging.set_verbosity(before)


def _places(network: Any) -> dict[str, tuple[Any, str]]:
    return {
        f"{prefix}.{attribute}" if prefix else attribute: (module, attribute)
        for prefix, module in network.named_modules()
        for attribute, parameter in module.named_parameters(recurse=False)
        if parameter is not None
    }


def _number_positions(network: Any, device: torch.device) -> None:
    """CLIP numbers its positions in a buffer that no file holds."""
    for module in network.modules():
        for name, buffer in list(module.named_buffers(recurse=False)):
            if name == "position_ids":
                module.position_ids = torch.arange(buffer.shape[-1], device=device).expand(1, -1)
            elif buffer.is_meta:
                raise UnsupportedModel(f"{type(network).__name__} has a buffer {name!r} that nothing fills.")
