"""The noise of one picture, drawn from its own seed.

Owns the first noise (with variation and seed resize, as A1111 mixes them) and the noise of later steps. It never
touches a global generator, so a picture is the same alone or among strangers. Everything is drawn on the CPU in
float32; moving it to a device is up to the engine.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from studio.recipe.model import NoiseDevice, ResolvedRecipe
from studio.sampling.brownian import BrownianPath
from studio.sampling.catalogue import find_sampler
from studio.sampling.philox import PhiloxGenerator

LATENT_CELL_PX = 8


class PictureNoise:
    """All random numbers of one picture.

    `shape` is that of its latents, (channels, height / 8, width / 8). `variation_strength` from 0 to 1 moves the
    first noise towards that of `variation_seed`. `seed_resize` is the (height / 8, width / 8) of another picture
    whose composition is to be kept, or None. `eta_noise_seed_delta` is added to the seed for the noise of later
    steps. With `interval` these are increments of one Brownian path (for samplers whose catalogue entry says so),
    which goes by the seed alone; else one draw after another.
    """

    def __init__(
        self,
        seed: int,
        shape: tuple[int, int, int],
        *,
        variation_seed: int = 0,
        variation_strength: float = 0.0,
        seed_resize: tuple[int, int] | None = None,
        device: NoiseDevice = NoiseDevice.CPU,
        eta_noise_seed_delta: int = 0,
        interval: bool = False,
    ) -> None:
        self._shape = shape
        draw = _draws(seed, device)
        drawn_shape = shape if seed_resize is None else (shape[0], *seed_resize)
        full = draw(shape)
        noise = full if drawn_shape == shape else _draws(seed, device)(drawn_shape)
        if variation_strength > 0:
            noise = slerp(noise, _draws(variation_seed, device)(drawn_shape), variation_strength)
        self._initial = noise if drawn_shape == shape else pasted(noise, full)
        # The first draw of this generator is behind it, so later noise is never the first one again.
        self._draw = _draws(seed + eta_noise_seed_delta, device) if eta_noise_seed_delta else draw
        self._path = BrownianPath(seed, shape) if interval else None

    @classmethod
    def for_recipe(cls, recipe: ResolvedRecipe, channels: int = 4) -> PictureNoise:
        """The noise that a recipe asks for, of the kind its sampler draws."""
        resize = recipe.seed_resize_height_px // LATENT_CELL_PX, recipe.seed_resize_width_px // LATENT_CELL_PX
        return cls(
            recipe.seed,
            (channels, recipe.height_px // LATENT_CELL_PX, recipe.width_px // LATENT_CELL_PX),
            variation_seed=recipe.variation_seed,
            variation_strength=recipe.variation_strength,
            seed_resize=resize if min(resize) > 0 else None,
            device=recipe.noise,
            eta_noise_seed_delta=recipe.eta_noise_seed_delta,
            interval=find_sampler(recipe.sampler)[0].noise == "interval",
        )

    def initial(self) -> Tensor:
        """The noise the picture starts from: unit normal, (channels, height / 8, width / 8), float32, the same at
        every call.
        """
        return self._initial.clone()

    def step(self, sigma: float, sigma_next: float) -> Tensor:
        """Fresh noise for the step between two noise levels: unit normal, shaped like `initial`, float32. A
        `NoiseSource`.
        """
        if self._path is not None:
            return self._path.increment(sigma, sigma_next)
        return self._draw(self._shape)


def slerp(start: Tensor, end: Tensor, share: float) -> Tensor:
    """From `start` (share 0) to `end` (share 1) along the arc between them (Shoemake 1985), shaped like both.

    Each column of a latent turns by itself (axis 1): A1111 does so, and its variations would not come out again
    otherwise.
    """
    cosine = torch.nn.functional.cosine_similarity(start, end, dim=1).clamp(-1, 1)
    # Where the two point the same way the arc is a straight line, and its formula divides by zero.
    parallel = cosine.abs() > 0.9995
    omega = torch.where(parallel, torch.ones_like(cosine), cosine.acos())
    weight_start = torch.where(parallel, 1 - share, torch.sin((1 - share) * omega) / torch.sin(omega))
    weight_end = torch.where(parallel, share, torch.sin(share * omega) / torch.sin(omega))
    return weight_start.unsqueeze(1) * start + weight_end.unsqueeze(1) * end


def pasted(inner: Tensor, full: Tensor) -> Tensor:
    """`full` with `inner` (channels, height, width) laid over its middle; what sticks out on any side is cut off."""
    result = full.clone()
    rows, inner_rows = _overlap(full.shape[1], inner.shape[1])
    columns, inner_columns = _overlap(full.shape[2], inner.shape[2])
    result[:, rows, columns] = inner[:, inner_rows, inner_columns]
    return result


def _overlap(full: int, inner: int) -> tuple[slice, slice]:
    # Floor division rounds the shift down on both sides of zero, which is where A1111 puts odd differences.
    shift = (full - inner) // 2
    if shift >= 0:
        return slice(shift, shift + inner), slice(0, inner)
    return slice(0, full), slice(-shift, -shift + full)


def _draws(seed: int, device: NoiseDevice) -> Callable[[tuple[int, ...]], Tensor]:
    if device is NoiseDevice.PHILOX:
        return PhiloxGenerator(seed).randn
    generator = torch.Generator().manual_seed(seed)
    return lambda shape: torch.randn(shape, generator=generator)
