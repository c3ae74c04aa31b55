"""Previews: the map finds the linear decoder behind an autoencoder, and a JPEG stays small."""

from __future__ import annotations

import io

import pytest
import torch
from PIL import Image

from studio.engine.latents.decode import Decoded
from studio.engine.preview import PreviewMap, fitting_preview_map


class LinearDecoder:
    """An autoencoder that is a linear map of each cell, so the fitted map must be that map."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(5)
        self.matrix = torch.randn(3, 4, generator=generator)

    def encode(self, rgb: torch.Tensor) -> torch.Tensor:
        cells = torch.nn.functional.avg_pool2d(rgb, 8)
        return torch.einsum("lc,nchw->nlhw", torch.linalg.pinv(self.matrix), cells - 0.5)

    def __call__(self, latents: torch.Tensor) -> Decoded:
        cells = torch.einsum("cl,lhw->chw", self.matrix, latents) + 0.5
        return Decoded(cells.repeat_interleave(8, 1).repeat_interleave(8, 2))


def test_the_map_of_a_linear_autoencoder_is_found() -> None:
    decoder = LinearDecoder()
    fitting = fitting_preview_map(decoder)  # type: ignore[arg-type]
    pieces = 0
    while True:  # nobody waits for more than one picture's way through an autoencoder
        try:
            next(fitting)
        except StopIteration as end:
            fitted: PreviewMap = end.value
            break
        pieces += 1
    assert pieces == 2 * 8
    picture = torch.rand(1, 3, 64, 48, generator=torch.Generator().manual_seed(1))
    expected = torch.nn.functional.avg_pool2d(picture, 8)[0].permute(1, 2, 0)
    torch.testing.assert_close(fitted.rgb(decoder.encode(picture)[0]), expected, rtol=0, atol=0.01)


@pytest.mark.parametrize(("shape", "size"), [((16, 8), (64, 128)), ((64, 96), (256, 171)), ((1, 200), (256, 1))])
def test_jpegs_keep_the_aspect_and_stay_small(shape: tuple[int, int], size: tuple[int, int]) -> None:
    fitted = PreviewMap(torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), torch.full((3,), 0.5))
    jpeg = fitted.jpeg(torch.randn(4, *shape))
    with Image.open(io.BytesIO(jpeg)) as picture:
        assert (picture.format, picture.size) == ("JPEG", size)
    assert len(jpeg) < 40_000


def test_a_preview_of_nan_is_still_a_picture() -> None:
    fitted = PreviewMap(torch.eye(4, 3), torch.zeros(3))
    assert fitted.jpeg(torch.full((4, 8, 8), torch.nan)).startswith(b"\xff\xd8")
