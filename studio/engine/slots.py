"""What residency is about, piece by piece: a slot on the device, and the weights that wait in host memory.

It owns what is kept with each, and when a piece is out of date; which are there is `residency`'s.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from studio.engine.chassis import Chassis
from studio.engine.conditioning import ReadTexts
from studio.engine.host_memory import HostMemory
from studio.engine.load import LoadedCheckpoint
from studio.engine.model_files import CheckpointFiles
from studio.engine.outfit import Outfit
from studio.engine.preview import PreviewMap
from studio.engine.weights import Weights, read_part
from studio.errors import DamagedModel, UnsupportedModel
from studio.library.header import read_header
from studio.library.stamps import stamp

MOST_READ = 8
"""Sets of text adapters whose encoded texts are kept for a checkpoint; one of Stable Diffusion XL takes up to 80 MB."""


@dataclass(eq=False)
class Slot:
    """A chassis in the outfit of some pictures, as the files were at ``stamp``."""

    chassis: Chassis
    weights: Weights
    outfit: Outfit
    stamp: object
    loaded: LoadedCheckpoint

    @property
    def size_bytes(self) -> int:
        return self.chassis.size_bytes


@dataclass(eq=False)
class KeptWeights:
    """Weights in host memory, as they were when the files had this stamp, and what was found out with them: the texts
    encoded, by text adapters, and the preview maps, by VAE.
    """

    weights: Weights
    stamp: object
    read: OrderedDict[object, ReadTexts] = field(default_factory=OrderedDict)
    previews: dict[object, PreviewMap] = field(default_factory=dict)

    def texts_with(self, adapters: object) -> ReadTexts:
        """The texts encoded with these text adapters; the sets used longest ago are forgotten."""
        read = self.read.setdefault(adapters, ReadTexts())
        self.read.move_to_end(adapters)
        while len(self.read) > MOST_READ:
            self.read.popitem(last=False)
        return read


def outfit_stamp(outfit: Outfit) -> object:
    """Changes when any of its files is replaced under the same name."""
    others = (*(one.path for one in outfit.adapters), *([outfit.vae] if outfit.vae else []))
    return (stamp(outfit.checkpoint), *(stamp(path) for path in others))


def own_vae(
    path: Path, files: CheckpointFiles, chassis: Chassis, memory: HostMemory
) -> Generator[None, None, dict[str, Tensor]]:
    """The tensors of a VAE's file, by the names of the checkpoint's own, read piece after piece.

    Raises:
        DamagedModel: the file cannot be read.
        UnsupportedModel: it is the VAE of another kind of checkpoint.
    """
    header = read_header(path)
    if header.problem:
        raise DamagedModel(f"The VAE {path.name} cannot be used. {header.problem}")
    part = files.components["vae"]
    try:
        shapes, placement = chassis.skeleton["vae"], chassis.placements["vae"]
        return (yield from read_part(f"The VAE {path.name}", path, "vae", part.config, shapes, placement, memory))
    except DamagedModel as error:
        raise UnsupportedModel(
            f"The VAE {path.name} does not fit the checkpoint {files.path.name}. "
            "Choose another, or the checkpoint's own."
        ) from error
