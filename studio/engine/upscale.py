"""Enlarges pixels: plainly, or by an upscaler's network, tile by tile.

It owns the tiles and the one network that is kept loaded; which architectures there are lies in
``upscaler_networks``. A tile is one piece of work, so other pictures go on in between.
"""

from __future__ import annotations

import copy
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from studio.engine.latents.decode import from_levels, to_levels
from studio.engine.placement import Placement
from studio.engine.tiles import Mosaic, tiles
from studio.engine.upscaler_networks import load_upscaler
from studio.errors import Unstable
from studio.pictures import Picture, enlarged
from studio.recipe.finish import PLAIN_UPSCALERS

TILE_SIDE_PX = 256
TILE_OVERLAP_PX = 16


@dataclass(frozen=True, eq=False)
class UpscalerNetwork:
    """An upscaler's network: (1, 3, height, width), 0 to 1, to ``factor`` times the size."""

    network: Any
    factor: int
    placement: Placement

    def __call__(self, rgb: torch.Tensor) -> torch.Tensor:
        """A tile (3, height, width), float32, 0 to 1, enlarged; done again in float32 where it overflows.

        Raises:
            Unstable: it makes no finite picture of this tile.
        """
        dtype = next(self.network.parameters()).dtype
        output = self._made(self.network, rgb, dtype)
        if not bool(torch.isfinite(output).all()) and dtype is not torch.float32:
            output = self._made(copy.deepcopy(self.network).float(), rgb, torch.float32)
        if not bool(torch.isfinite(output).all()):
            raise Unstable("The upscaler made no finite picture. Choose another: its file is probably damaged.")
        return output.clamp(0, 1)

    def _made(self, network: Any, rgb: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        output: torch.Tensor = network(rgb[None].to(self.placement.device, dtype))[0].float()
        return output


class UpscalerShelf:
    """Loads upscalers and keeps the last one used."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._kept: tuple[tuple[Path, int], UpscalerNetwork] | None = None

    def get(self, path: Path) -> UpscalerNetwork:
        """The upscaler of a file. Raises `DamagedModel`, `UnsupportedModel`."""
        stamp = path, path.stat().st_mtime_ns
        if self._kept is None or self._kept[0] != stamp:
            self._kept = None
            network, factor = load_upscaler(path)
            dtype = self._placement.dtype if getattr(network, "runs_in_halves", True) else torch.float32
            network = network.to(self._placement.device, dtype)
            self._kept = stamp, UpscalerNetwork(network, factor, self._placement)
        return self._kept[1]

    def clear(self) -> None:
        """Let go of it."""
        self._kept = None


def enlarged_in_pieces(
    picture: Picture, width_px: int, height_px: int, upscaler: str, network: UpscalerNetwork | None
) -> Generator[None, None, Picture]:
    """``picture`` at a size of its own, by a plain upscaler or a network; yields after each tile.

    A network enlarges by its own factor, as often as it takes; Lanczos then brings it to the size. Transparency is
    enlarged plainly.
    """
    if network is None:
        return enlarged(picture, width_px, height_px, upscaler if upscaler in PLAIN_UPSCALERS else "Lanczos")
    larger = picture
    while larger.width_px < width_px or larger.height_px < height_px:
        rgb = yield from _by_network(larger, network)
        larger = rgb
        if network.factor == 1:
            break
    alpha = None if picture.alpha is None else enlarged(picture, width_px, height_px, "Lanczos").alpha
    return Picture(enlarged(Picture(larger.rgb), width_px, height_px, "Lanczos").rgb, alpha)


def _by_network(picture: Picture, network: UpscalerNetwork) -> Generator[None, None, Picture]:
    rgb = from_levels(picture.rgb)
    height_px, width_px = picture.height_px, picture.width_px
    mosaic = Mosaic(3, height_px, width_px, TILE_OVERLAP_PX, network.factor)
    for tile in tiles(height_px, width_px, TILE_SIDE_PX, TILE_OVERLAP_PX):
        mosaic.lay(tile, network(tile.of(rgb)))
        yield None
    return Picture(to_levels(mosaic.picture()))
