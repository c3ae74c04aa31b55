"""Weights: a checkpoint's numbers in host memory, by the names of the networks they belong to.

They are read from safetensors in pieces of some megabytes, so that rounds of pictures go on in between, in the dtype
and memory order that the chassis has, into memory that former ones left, pinned where they are to cross a bus. What
they must be called and what shape they must have is told by the chassis' skeleton; a file that lacks some is refused,
never filled with random numbers. Weights are clean: nobody writes into them.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from studio.engine.host_memory import HostMemory
from studio.engine.memory import is_out_of_memory
from studio.engine.model_files import CheckpointFiles, ComponentFiles
from studio.engine.placement import Placement
from studio.engine.single_file import component_of, renamed
from studio.engine.tensor_reading import read_tensors
from studio.errors import DamagedModel

Shapes = Mapping[str, torch.Size]

# The attention of autoencoders has other names in folders written before diffusers 0.15 (attention_processor.py).
_OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


@dataclass(frozen=True, eq=False)
class Weights:
    """The tensors of each component, (as many as its network has parameters), never to be written to."""

    components: Mapping[str, Mapping[str, Tensor]]

    @property
    def size_bytes(self) -> int:
        return sum(tensor.nbytes for part in self.components.values() for tensor in part.values())


def read_weights(
    files: CheckpointFiles,
    skeleton: Mapping[str, Shapes],
    placements: Mapping[str, Placement],
    memory: HostMemory | None = None,
) -> Generator[float, None, Weights]:
    """Read a checkpoint; yields the fraction behind it. A component that is not its own is left out.

    ``skeleton`` has the names and shapes of every component's parameters, ``placements`` where each is to go, and
    ``memory`` the blocks to read them into.

    Raises:
        DamagedModel: a tensor is missing or of another shape; the message names the first.
    """
    components: dict[str, Mapping[str, Tensor]] = {}
    behind = 0
    for name, part in files.components.items():
        if not part.weights:
            continue
        for count in (reading := _Reading(name, part, files.layout, placements[name], memory)).pieces():
            yield min((behind + count) / max(files.parameter_count, 1), 1.0)
        behind += part.parameter_count
        components[name] = fitted(part.title, reading.tensors(), skeleton[name])
    return Weights(components)


def read_part(
    title: str,
    path: Path,
    name: str,
    config: Mapping[str, object],
    shapes: Shapes,
    placement: Placement,
    memory: HostMemory | None = None,
) -> Generator[None, None, dict[str, Tensor]]:
    """One component from a file of its own (a VAE), in diffusers' names or the original ones, piece after piece.

    Raises:
        DamagedModel: it cannot be read, or fits the network no better than another family's would.
    """
    part = ComponentFiles(title, config, (path,), 0)
    reading = _Reading(name, part, "diffusers", placement, memory)
    for _ in reading.pieces():
        yield
    tensors = reading.tensors()
    # Some names are the same in both, that of the first convolution among them, so only all of them together tell.
    if not {_known_as(key, shapes) for key in tensors}.issuperset(shapes):
        tensors = renamed(name, tensors, config)
    return fitted(title, tensors, shapes)


class _Reading:
    """One component on its way into memory."""

    def __init__(
        self, name: str, part: ComponentFiles, layout: str, placement: Placement, memory: HostMemory | None
    ) -> None:
        self._name, self._part, self._layout, self._placement = name, part, layout, placement
        self._memory = memory or HostMemory()
        self._read: dict[str, Tensor] = {}

    def pieces(self) -> Generator[int, None, None]:
        """Yields how many numbers are read, piece after piece."""
        prefixes = component_of(self._name) if self._layout == "ldm" else ("",)
        behind = 0
        for file in self._part.weights:
            count = 0
            reading = read_tensors(file, lambda key: key.startswith(prefixes), self._placement.dtype, self._memory)
            try:
                while True:
                    count = next(reading)
                    yield behind + count
            except StopIteration as end:
                self._read.update(end.value)
            except (OSError, RuntimeError, ValueError, DamagedModel) as error:
                if is_out_of_memory(error):
                    raise
                raise DamagedModel(
                    f"{self._part.title} cannot be loaded: {_first_line(error)}. Download the checkpoint again."
                ) from error
            finally:
                reading.close()
            behind += count

    def tensors(self) -> dict[str, Tensor]:
        """What was read, by the network's names."""
        read = self._read
        found = renamed(self._name, read, self._part.config) if self._layout == "ldm" else read
        return {name: self._ready(tensor) for name, tensor in found.items()}

    def _ready(self, tensor: Tensor) -> Tensor:
        order = torch.channels_last if tensor.dim() == 4 else torch.contiguous_format
        return tensor.contiguous(memory_format=order)


def fitted(title: str, tensors: Mapping[str, Tensor], shapes: Shapes) -> dict[str, Tensor]:
    """The tensors that a network wants, by its names.

    Raises:
        DamagedModel: some are missing or of another shape.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        known = _known_as(name, shapes)
        if known is not None:
            shape = shapes[known]
            # Old autoencoders have 1x1 convolutions where linear layers are now.
            found[known] = tensor.reshape(shape) if tensor.dim() == 4 and tensor.numel() == shape.numel() else tensor
    wrong = sorted(name for name, shape in shapes.items() if name not in found or found[name].shape != shape)
    if wrong:
        raise DamagedModel(
            f"{title} does not fit its configuration: {len(wrong)} weights are missing or of another shape, "
            f"the first is {wrong[0]}. Download the checkpoint again."
        )
    return found


def _known_as(name: str, shapes: Shapes) -> str | None:
    for one in _spellings(name):
        if one in shapes:
            return one
    return None


def _spellings(name: str) -> Sequence[str]:
    """A name as files have it and as the libraries have called it since."""
    bare = name.removeprefix("text_model.")
    modern = re.sub(r"(attentions\.\d+\.)(query|key|value|proj_attn)\.", _modern, name)
    return (name, bare, f"text_model.{name}", modern)


def _modern(match: re.Match[str]) -> str:
    return f"{match[1]}{_OLD_ATTENTION[match[2]]}."


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
