"""Decoding against diffusers, and the retry in wider formats when a half-precision autoencoder overflows."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL

from studio.engine.latents.decode import Decoder, to_pixels
from studio.engine.placement import Placement
from studio.errors import Unstable
from tests.engine.conftest import CPU

HALF = Placement(torch.device("cpu"), torch.float16)


@pytest.fixture(scope="module")
def vae(toy: Path) -> Any:
    return AutoencoderKL.from_pretrained(toy / "vae").eval().requires_grad_(False)


@pytest.fixture
def latents() -> torch.Tensor:
    return torch.randn(4, 8, 6, generator=torch.Generator().manual_seed(0))


def overflowing(vae: Any) -> Any:
    """Its first convolution goes beyond half precision's 65504; the group norms behind it undo the scale elsewhere."""
    loud = copy.deepcopy(vae)
    loud.decoder.conv_in.weight.mul_(3e4)
    loud.decoder.conv_in.bias.mul_(3e4)
    return loud


@torch.inference_mode()
def test_a_picture_is_what_diffusers_decodes(vae: Any, latents: torch.Tensor) -> None:
    decoded = Decoder(vae, CPU)(latents)
    expected = vae.decode(latents[None] / vae.config["scaling_factor"]).sample[0]
    torch.testing.assert_close(decoded.rgb, (expected / 2 + 0.5).clamp(0, 1))
    assert decoded.retried_in is None
    pixels = to_pixels(decoded.rgb)
    assert (pixels.width_px, pixels.height_px, len(pixels.data)) == (48, 64, 48 * 64 * 3)
    assert pixels.data[:3] == bytes(round(float(value) * 255) for value in decoded.rgb[:, 0, 0])


@torch.inference_mode()
def test_an_overflow_is_decoded_again_in_bfloat16(vae: Any, latents: torch.Tensor) -> None:
    loud = overflowing(vae)
    half = copy.deepcopy(loud).half()
    before = {name: parameter.clone() for name, parameter in half.named_parameters()}
    decoded = Decoder(half, HALF)(latents)
    assert decoded.retried_in == "bfloat16"
    assert bool(torch.isfinite(decoded.rgb).all())
    expected = Decoder(loud, CPU)(latents).rgb
    torch.testing.assert_close(decoded.rgb, expected, rtol=0, atol=0.1)
    assert all(torch.equal(parameter, before[name]) for name, parameter in half.named_parameters())


@torch.inference_mode()
def test_then_in_float32(vae: Any, latents: torch.Tensor) -> None:
    class OnlyWide(torch.nn.Module):
        """Stands for an autoencoder that overflows in both narrow formats."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = copy.deepcopy(vae).half()
            self.config = vae.config

        def decode(self, inputs: torch.Tensor, return_dict: bool) -> tuple[torch.Tensor]:
            output = self.inner.decode(inputs, return_dict=return_dict)[0]
            return (output if inputs.dtype == torch.float32 else output * torch.nan,)

    assert Decoder(OnlyWide(), HALF)(latents).retried_in == "float32"


@torch.inference_mode()
def test_nan_is_never_a_picture(vae: Any, latents: torch.Tensor) -> None:
    spoilt = latents.clone()
    spoilt[0, 0, 0] = torch.nan
    with pytest.raises(Unstable, match="lower guidance"):
        Decoder(vae, CPU)(spoilt)
    broken = copy.deepcopy(vae)
    broken.decoder.conv_out.weight.fill_(torch.inf)
    with pytest.raises(Unstable, match="another checkpoint"):
        Decoder(broken, CPU)(latents)
