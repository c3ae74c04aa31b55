"""From latents to pixels by the checkpoint's autoencoder, never to a picture that is not one.

It owns the number format: float16 autoencoders overflow on some latents (a black picture, elsewhere), so a decoding
with NaN or infinity is done again in bfloat16 and then float32, for that picture only; one that is known to overflow is
not tried in float16 at all. What a picture is decoded in depends on nothing but itself, or
the same recipe would not give the same bytes. It refuses to answer with anything that is not finite.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from studio.engine.memory import is_out_of_memory
from studio.engine.placement import Placement
from studio.engine.seamless import seamless
from studio.engine.tiles import Mosaic, tiles
from studio.errors import Unstable
from studio.recipe.events import Pixels
from studio.recipe.model import Tiling

CELL_PX = 8
WHOLE_UP_TO = 192 * 192
"""Latent cells (1536 x 1536 pixels) up to which a picture is decoded as a whole: beyond, a Stable Diffusion autoencoder
takes more memory than most cards have.
"""

SCALING_FACTOR = 0.18215
"""Where a configuration says none (Rombach et al. 2022, arXiv:2112.10752, appendix G; diffusers' default)."""

TILE_SIDE = 96
TILE_OVERLAP = 16

_FORMATS = (torch.float16, torch.bfloat16, torch.float32)
"""Each holds larger numbers than the one before."""

_BFLOAT16_SINCE = (8, 0)
"""The compute capability of the first NVIDIA GPUs with it (CUDA C++ Programming Guide, arithmetic instructions)."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """A picture: ``rgb`` is (3, height, width), float32, 0 to 1. ``retried_in`` names the number format if it took
    another than the autoencoder's weights are in.
    """

    rgb: Tensor
    retried_in: str | None = None


class Decoder:
    """The decoding (and, for fitting previews, encoding) half of an autoencoder."""

    def __init__(
        self,
        vae: Any,
        placement: Placement,
        config: Mapping[str, Any] | None = None,
        latents_on: torch.device | None = None,
        *,
        overflows: bool = False,
    ) -> None:
        """``config`` is the checkpoint's own where the network is shared with others; ``latents_on`` is the device of
        its UNet where that is another; one that ``overflows`` does so in float16 nearly always.
        """
        own = vae.config if config is None else config
        self._vae = vae
        self._placement = placement
        self._latents_on = latents_on or placement.device
        self._overflows = overflows
        self._wider: dict[torch.dtype, Any] = {}
        self._scale = float(own.get("scaling_factor", SCALING_FACTOR))
        self._shift = float(own.get("shift_factor") or 0.0)

    def __call__(self, latents: Tensor, tiling: Tiling = Tiling.OFF) -> Decoded:
        """Decode one picture's latents, (4, height / 8, width / 8), float32; in tiles when it is very large.

        Raises:
            Unstable: latents or picture hold NaN or infinity in every number format.
        """
        if not bool(torch.isfinite(latents).all()):
            raise Unstable(
                "The picture turned into NaN before it was decoded. Try a lower guidance scale or more steps."
            )
        for dtype in self._formats():
            rgb = self._decode(self._in(dtype), latents, dtype, tiling)
            if rgb is not None:
                return Decoded(rgb, None if dtype is self._dtype else str(dtype).removeprefix("torch."))
        raise Unstable(
            "The autoencoder made no finite picture of these latents in any number format. "
            "Try another checkpoint: this one's autoencoder is probably damaged."
        )

    def encode(self, rgb: Tensor) -> Tensor:
        """The mean latents of pictures: (n, 3, height, width), 0 to 1, to (n, 4, height / 8, width / 8), float32.

        Very large pictures are encoded in tiles.

        Raises:
            Unstable: the autoencoder makes no finite latents of a picture.
        """
        latents = torch.stack([self._encode(one) for one in rgb])
        if not bool(torch.isfinite(latents).all()):
            raise Unstable("The autoencoder cannot read this picture: its latents are not finite. Try another VAE.")
        return latents

    def _encode(self, rgb: Tensor) -> Tensor:
        height, width = rgb.shape[1:]
        if height * width <= WHOLE_UP_TO * CELL_PX**2:
            try:
                return self._encode_whole(rgb)
            except Exception as error:
                if not is_out_of_memory(error) or max(height, width) <= TILE_SIDE * CELL_PX:
                    raise
                self._placement.release_cache()
        side, overlap = TILE_SIDE * CELL_PX, TILE_OVERLAP * CELL_PX
        mosaic = Mosaic(int(self._vae.config["latent_channels"]), height, width, overlap, 1, CELL_PX)
        for tile in tiles(height, width, side, overlap, CELL_PX):
            mosaic.lay(tile, self._encode_whole(tile.of(rgb)))
        return mosaic.picture().to(self.device)

    def _encode_whole(self, rgb: Tensor) -> Tensor:
        for dtype in self._formats():  # float16 autoencoders overflow on the way in as well
            inputs = (rgb[None] * 2 - 1).to(self._placement.device, dtype).contiguous(memory_format=torch.channels_last)
            mean: Tensor = self._in(dtype).encode(inputs).latent_dist.mean[0].float()
            if bool(torch.isfinite(mean).all()):
                break
        return ((mean - self._shift) * self._scale).to(self._latents_on)

    @property
    def device(self) -> torch.device:
        """Where latents come from and go to: the UNet's, wherever the autoencoder itself is."""
        return self._latents_on

    @property
    def _dtype(self) -> torch.dtype:
        dtype: torch.dtype = next(self._vae.parameters()).dtype
        return dtype

    def _formats(self) -> list[torch.dtype]:
        """What to try, one after the other."""
        formats = list(_FORMATS[_FORMATS.index(self._dtype) :])
        if self._overflows and len(formats) == len(_FORMATS):
            formats.remove(torch.float16)
        device = self._placement.device
        lacks_bfloat16 = device.type == "cuda" and torch.cuda.get_device_capability(device) < _BFLOAT16_SINCE
        return [one for one in formats if one is not torch.bfloat16 or not lacks_bfloat16]

    def _in(self, dtype: torch.dtype) -> Any:
        """The network in another format. A copy: weights that went through bfloat16 and back would have lost bits."""
        if dtype is self._dtype:
            return self._vae
        if dtype not in self._wider:
            # torch's own, as in `studio.engine.chassis`
            self._wider[dtype] = torch.nn.Module.to(copy.deepcopy(self._vae), dtype)
        return self._wider[dtype]

    def _decode(self, vae: Any, latents: Tensor, dtype: torch.dtype, tiling: Tiling) -> Tensor | None:
        height, width = latents.shape[1:]
        with seamless(vae, tiling):
            if height * width <= WHOLE_UP_TO:
                try:
                    return self._decode_whole(vae, latents, dtype)
                except Exception as error:
                    if not is_out_of_memory(error) or max(height, width) <= TILE_SIDE:
                        raise
                    self._placement.release_cache()
            return self._decode_tiles(vae, latents, dtype)

    def _decode_whole(self, vae: Any, latents: Tensor, dtype: torch.dtype) -> Tensor | None:
        scaled = (latents / self._scale + self._shift).to(self._placement.device, dtype)
        inputs = scaled[None].contiguous(memory_format=torch.channels_last)
        output = vae.decode(inputs, return_dict=False)[0][0].float()
        return (output / 2 + 0.5).clamp(0, 1) if bool(torch.isfinite(output).all()) else None

    def _decode_tiles(self, vae: Any, latents: Tensor, dtype: torch.dtype) -> Tensor | None:
        height, width = latents.shape[1:]
        mosaic = Mosaic(3, height, width, TILE_OVERLAP, CELL_PX, 1)
        for tile in tiles(height, width, TILE_SIDE, TILE_OVERLAP):
            rgb = self._decode_whole(vae, tile.of(latents), dtype)
            if rgb is None:
                return None
            mosaic.lay(tile, rgb)
        return mosaic.picture()


def to_levels(rgb: Tensor) -> NDArray[np.uint8]:
    """A picture (3, height, width), float, 0 to 1, as levels (height, width, 3), rounded to the nearest."""
    levels: NDArray[np.uint8] = (rgb * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()
    return levels


def from_levels(levels: NDArray[np.uint8]) -> Tensor:
    """Levels (height, width, 3) as a picture (3, height, width), float32, 0 to 1."""
    return torch.tensor(levels).permute(2, 0, 1).float() / 255


def to_pixels(rgb: Tensor) -> Pixels:
    """A picture (3, height, width), float, 0 to 1, as bytes, rounded to the nearest."""
    levels = to_levels(rgb)
    height_px, width_px = levels.shape[:2]
    return Pixels(width_px, height_px, levels.tobytes())
