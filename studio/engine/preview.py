"""Small pictures of a trajectory on its way, by one matrix product instead of the autoencoder.

Each latent cell is mapped to a colour by a linear map of its four numbers, fitted by least squares to what the
checkpoint's own autoencoder makes of a few pictures of soft colours. It owns the map and the JPEG. Previews are for
watching; nothing is saved from them.
"""

from __future__ import annotations

import io
from collections.abc import Generator
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from studio.engine.latents.decode import Decoder
from studio.errors import Unstable

LONGEST_SIDE_PX = 256
JPEG_QUALITY = 80
_FIT_PICTURES = 8
_FIT_SIDE_PX = 64
_RIDGE = 1e-4


@dataclass(frozen=True, eq=False)
class PreviewMap:
    """RGB = latents @ matrix + offset, per cell; ``matrix`` is (4, 3), ``offset`` (3,), float32 on the CPU."""

    matrix: Tensor
    offset: Tensor

    def rgb(self, latents: Tensor) -> Tensor:
        """(4, height, width) latents to (height, width, 3), float32, 0 to 1, on the CPU."""
        cells = torch.nan_to_num(latents.float().cpu()).permute(1, 2, 0)
        return (cells @ self.matrix + self.offset).clamp(0, 1)

    def jpeg(self, latents: Tensor) -> bytes:
        """A JPEG of latents (4, height / 8, width / 8), at most 256 pixels on its longer side."""
        levels = (self.rgb(latents) * 255).to(torch.uint8)
        picture = Image.fromarray(levels.numpy())
        width_px, height_px = picture.width * 8, picture.height * 8
        share = min(1.0, LONGEST_SIDE_PX / max(width_px, height_px))
        size = max(1, round(width_px * share)), max(1, round(height_px * share))
        file = io.BytesIO()
        picture.resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=JPEG_QUALITY)
        return file.getvalue()


def fitting_preview_map(decoder: Decoder) -> Generator[None, None, PreviewMap]:
    """Fit the map of a checkpoint: soft random colours are encoded, decoded, and compared cell by cell, picture after
    picture.
    """
    generator = torch.Generator().manual_seed(0)
    # Mid-sized blotches in strong colours: flat colours alone would leave the map guessing about mixtures.
    blotches = torch.rand(_FIT_PICTURES, 3, 4, 4, generator=generator)
    pictures = torch.nn.functional.interpolate(blotches, size=_FIT_SIDE_PX, mode="bicubic").clamp(0, 1)
    cells, colours = [], []
    for picture in pictures:
        one = decoder.encode(picture[None])[0]
        yield
        try:
            decoded = decoder(one).rgb
        except Unstable:
            continue
        cells.append(one.flatten(1).T.cpu())
        colours.append(torch.nn.functional.avg_pool2d(decoded[None], 8)[0].flatten(1).T.cpu())
        yield
    if not cells:
        return PreviewMap(torch.zeros(4, 3), torch.full((3,), 0.5))
    return _least_squares(torch.cat(cells).double(), torch.cat(colours).double())


def _least_squares(cells: Tensor, colours: Tensor) -> PreviewMap:
    rows = torch.cat([cells, torch.ones(len(cells), 1, dtype=cells.dtype)], dim=1)
    ridge = _RIDGE * len(rows) * torch.eye(rows.shape[1], dtype=rows.dtype)
    ridge[-1, -1] = 0
    solved = torch.linalg.solve(rows.T @ rows + ridge, rows.T @ colours).float()
    return PreviewMap(solved[:-1], solved[-1])
