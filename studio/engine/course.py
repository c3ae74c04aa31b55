"""The course of one picture: first pass, second pass, finish, as a generator of pieces of work.

It yields a `Trajectory` when the network is to be asked, in rounds shared with other pictures, an `Outfit` when a pass
wants the networks to wear something else, and ``None`` after each piece it does by itself (reading a source, encoding,
a tile of an upscaler), so that nobody waits long for it and a cancel takes effect at the next yield. It owns the order
of things and what goes from one to the next; how each is done lies in the modules it calls.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from studio.engine import health
from studio.engine.embeddings import EmbeddingShelf
from studio.engine.latents.decode import from_levels, to_levels
from studio.engine.latents.enlarge import enlarged_latents
from studio.engine.load import LATENT_CHANNELS, LoadedCheckpoint
from studio.engine.outfit import Outfit
from studio.engine.passes import Masked, Pass, second_pass_recipe, steps_run
from studio.engine.trajectory import Trajectory
from studio.engine.upscale import UpscalerShelf, enlarged_in_pieces
from studio.errors import GenerationFailed
from studio.pictures import (
    Inpainting,
    Picture,
    adjusted,
    colour_corrected,
    opaque,
    read_mask,
    read_picture,
    resized,
)
from studio.recipe import MaskedContent, Mode, ResizeMode
from studio.recipe.events import PictureOrder
from studio.recipe.finish import LATENT_UPSCALERS, NO_UPSCALER
from studio.recipe.limits import SIZE_MULTIPLE_PX
from studio.sampling.noise import PictureNoise

Pieces = Generator[Trajectory | Outfit | None, None, "Tensor | Picture"]
"""Ends with what was made so far: latents (4, height / 8, width / 8), or a picture."""

GREY = 0.5
"""What a masked picture shows where it is masked: the middle of the range (diffusers, prepare_mask_and_masked_image).
"""


@dataclass(frozen=True)
class Made:
    """A finished picture, and notes for its metadata."""

    picture: Picture
    notes: dict[str, str]


class Course:
    """One picture from its order to its pixels. ``checkpoint`` is None where no network is needed.

    ``served_at`` and ``worked_at`` order fair turns; ``notes`` gather what its metadata should say. While ``wanted`` is
    set the picture holds no networks and waits to be given others by `wear`.
    """

    def __init__(
        self,
        order: PictureOrder,
        checkpoint: LoadedCheckpoint | None,
        upscalers: UpscalerShelf,
        embeddings: EmbeddingShelf,
        served_at: int = 0,
    ) -> None:
        self.order = order
        self.started_at = time.monotonic()
        self.worked_at = 0
        self.steps_before = 0
        self.trajectory: Trajectory | None = None
        self.wanted: Outfit | None = None
        self.notes: dict[str, str] = {}
        self._checkpoint = checkpoint
        self._upscalers = upscalers
        self._embeddings = embeddings
        self._served_at = served_at
        self._source: Picture | None = None
        self._pieces = self._made()

    @property
    def checkpoint(self) -> LoadedCheckpoint:
        assert self._checkpoint is not None, "this picture needs no network"
        return self._checkpoint

    @property
    def uses_checkpoint(self) -> LoadedCheckpoint | None:
        """The checkpoint that must stay loaded for this picture."""
        return self._checkpoint

    @property
    def asks_network(self) -> bool:
        """Whether its next piece is a round of the network's."""
        return self.trajectory is not None and self.trajectory.latents is None

    @property
    def steps(self) -> int:
        """The steps of all passes."""
        recipe = self.order.recipe
        first = 0 if recipe.mode is Mode.FINISH else recipe.steps
        if recipe.mode in (Mode.IMAGE, Mode.INPAINT):
            first = steps_run(recipe.steps, recipe.denoising_strength)
        second = steps_run(recipe.hires_steps, recipe.hires_denoising_strength) if recipe.has_second_pass else 0
        return max(first + second, 1)

    def work(self) -> Made | None:
        """Do the next piece; the finished picture when it was the last.

        Raises:
            StudioError: what is wrong with the recipe or went wrong on the way, in words.
        """
        assert self.wanted is None, "it waits for other networks"
        try:
            piece = next(self._pieces)
        except StopIteration as end:
            return Made(end.value, self.notes)
        if isinstance(piece, Outfit):
            self.wanted, self._checkpoint, self.trajectory = piece, None, None
        else:
            self.trajectory = piece
        return None

    def wear(self, checkpoint: LoadedCheckpoint) -> None:
        """Go on with the networks that were `wanted`."""
        self._checkpoint, self.wanted = checkpoint, None

    def close(self) -> None:
        """Stop; harmless when it has ended."""
        if self.trajectory is not None:
            self.trajectory.close()
        self._pieces.close()

    # --- the course ---

    def _made(self) -> Generator[Trajectory | Outfit | None, None, Picture]:
        recipe = self.order.recipe
        made = yield from self._first_pass()
        if recipe.has_second_pass:
            made = yield from self._second_pass(made)
        picture = made if isinstance(made, Picture) else self._decoded(made)
        if recipe.upscaler != NO_UPSCALER and recipe.upscale > 1:
            size = round(picture.width_px * recipe.upscale), round(picture.height_px * recipe.upscale)
            picture = yield from self._enlarged(picture, *size, recipe.upscaler, recipe.upscaler_sha256)
        return adjusted(
            picture,
            brightness=recipe.brightness,
            contrast=recipe.contrast,
            saturation=recipe.saturation,
            temperature=recipe.temperature,
            sharpness=recipe.sharpness,
        )

    def _first_pass(self) -> Pieces:
        recipe = self.order.recipe
        if recipe.mode is Mode.TEXT:
            return (yield from self._denoised(Pass(recipe, extra=self._blank_extra())))
        source = self._source = self._read_source()
        yield None
        if recipe.mode is Mode.IMAGE:
            return (yield from self._from_image(source))
        if recipe.mode is Mode.INPAINT:
            return (yield from self._inpainted(source))
        return source

    def _second_pass(self, made: Tensor | Picture) -> Pieces:
        recipe = self.order.recipe
        width_px, height_px = recipe.hires_width_px, recipe.hires_height_px
        if recipe.hires_upscaler in LATENT_UPSCALERS:
            latents = self._encoded(_in_cells(made)) if isinstance(made, Picture) else made
            cells = height_px // SIZE_MULTIPLE_PX, width_px // SIZE_MULTIPLE_PX
            start = enlarged_latents(latents, *cells, recipe.hires_upscaler)
        else:
            picture = made if isinstance(made, Picture) else self._decoded(made)
            yield None
            name, sha256 = recipe.hires_upscaler, recipe.hires_upscaler_sha256
            picture = yield from self._enlarged(picture, width_px, height_px, name, sha256)
            start = self._encoded(picture)
        yield None
        second = second_pass_recipe(recipe)
        ignores = second.denoising_strength >= 1
        extra = self._blank_extra(start)
        run = Pass(second, None if ignores else start, extra=extra)
        outfit = Outfit.of(self.order, second)
        if run.steps and outfit is not None and outfit != self.checkpoint.outfit:
            yield outfit
        return (yield from self._denoised(run))

    def _from_image(self, source: Picture) -> Pieces:
        recipe = self.order.recipe
        if recipe.denoising_strength >= 1:
            return (yield from self._denoised(Pass(recipe, extra=self._blank_extra())))
        if recipe.resize_mode is ResizeMode.LATENT:
            cells = recipe.height_px // SIZE_MULTIPLE_PX, recipe.width_px // SIZE_MULTIPLE_PX
            start = enlarged_latents(self._encoded(_in_cells(source)), *cells, LATENT_UPSCALERS[0])
        else:
            start = self._encoded(resized(source, recipe.width_px, recipe.height_px, recipe.resize_mode))
        yield None
        return (yield from self._denoised(Pass(recipe, start, extra=self._blank_extra(start))))

    def _inpainted(self, source: Picture) -> Pieces:
        recipe = self.order.recipe
        mask = read_mask(self._file(recipe.mask)) if recipe.mask else None
        inpainting = Inpainting.of(source, mask, recipe)
        yield None
        decoder = self.checkpoint.decoder
        kept = decoder.encode(from_levels(inpainting.original)[None])[0]
        yield None
        weight = torch.tensor(inpainting.latent_mask)[None].to(decoder.device)
        start = None if recipe.denoising_strength >= 1 else self._under_mask(inpainting, kept, weight)
        extra = self._inpainting_extra(inpainting) if self.checkpoint.input_channels > LATENT_CHANNELS else None
        yield None
        masked = Masked(weight, kept, recipe.soft_inpainting)
        latents = yield from self._denoised(Pass(recipe, start, masked, extra))
        assert isinstance(latents, Tensor)
        levels = to_levels(self._rgb(latents))
        if recipe.colour_correction:
            levels = inpainting.colour_corrected(levels)
        return inpainting.pasted(levels)

    def _under_mask(self, inpainting: Inpainting, kept: Tensor, weight: Tensor) -> Tensor:
        """What the pass starts from: the source's latents, with the recipe's content under the mask."""
        recipe = self.order.recipe
        painted = weight > 0
        if recipe.masked_content is MaskedContent.FILL:
            return self.checkpoint.decoder.encode(from_levels(inpainting.working)[None])[0]
        if recipe.masked_content is MaskedContent.LATENT_NOISE:
            noise = PictureNoise.for_recipe(recipe, LATENT_CHANNELS).initial().to(kept.device)
            return torch.where(painted, noise, kept)
        if recipe.masked_content is MaskedContent.LATENT_NOTHING:
            return torch.where(painted, torch.zeros_like(kept), kept)
        return kept

    def _denoised(self, run: Pass) -> Pieces:
        """The latents that a pass ends with; the network is asked in rounds."""
        if run.start is not None and run.steps == 0:
            return run.start
        trajectory = Trajectory(self.order, self.checkpoint, self._served_at, run, self._embeddings)
        yield trajectory
        latents = trajectory.latents
        assert latents is not None, "a pass is taken up again when it has ended"
        self.steps_before += trajectory.steps
        self._served_at = trajectory.served_at
        health.check_latents(latents, run.recipe)
        return latents

    # --- between latents and pixels ---

    def _decoded(self, latents: Tensor) -> Picture:
        """The picture of latents, with the source's colours and transparency where the recipe asks for them."""
        recipe = self.order.recipe
        levels = to_levels(self._rgb(latents))
        source = self._source
        if source is None or recipe.mode is Mode.INPAINT:
            return Picture(levels)
        if recipe.colour_correction:
            levels = colour_corrected(levels, opaque(source))
        if source.alpha is None:
            return Picture(levels)
        mode = recipe.resize_mode if recipe.mode is Mode.IMAGE else ResizeMode.STRETCH
        height_px, width_px = levels.shape[:2]
        return Picture(levels, resized(source, width_px, height_px, mode).alpha)

    def _rgb(self, latents: Tensor) -> Tensor:
        decoded = self.checkpoint.decoder(latents, self.order.recipe.tiling)
        if decoded.retried_in:
            self.notes["VAE precision"] = decoded.retried_in
        return decoded.rgb

    def _encoded(self, picture: Picture) -> Tensor:
        return self.checkpoint.decoder.encode(from_levels(opaque(picture))[None])[0]

    def _enlarged(
        self, picture: Picture, width_px: int, height_px: int, upscaler: str, sha256: str
    ) -> Generator[None, None, Picture]:
        path = self.order.files.get(sha256) if sha256 else None
        network = self._upscalers.get(path) if path is not None else None
        yield None
        return (yield from enlarged_in_pieces(picture, width_px, height_px, upscaler, network))

    # --- the further input of inpainting networks ---

    def _inpainting_extra(self, inpainting: Inpainting) -> Tensor:
        """The mask, then the latents of the picture with the masked part grey, (5, height / 8, width / 8)."""
        rgb = from_levels(inpainting.original)
        rgb = torch.where(torch.tensor(inpainting.mask > 0.5), torch.full_like(rgb, GREY), rgb)
        decoder = self.checkpoint.decoder
        mask = (torch.tensor(inpainting.latent_mask) > 0.5).float()[None].to(decoder.device)
        return torch.cat([mask, decoder.encode(rgb[None])[0]])

    def _blank_extra(self, like: Tensor | None = None) -> Tensor | None:
        """For an inpainting network without an inpainting: everything is masked, so nothing is known."""
        if self.checkpoint.input_channels <= LATENT_CHANNELS:
            return None
        recipe = self.order.recipe
        cells = (recipe.height_px // SIZE_MULTIPLE_PX, recipe.width_px // SIZE_MULTIPLE_PX)
        height, width = cells if like is None else (int(like.shape[1]), int(like.shape[2]))
        grey = torch.full((1, 3, height * SIZE_MULTIPLE_PX, width * SIZE_MULTIPLE_PX), GREY)
        latents = self.checkpoint.decoder.encode(grey)[0]
        return torch.cat([torch.ones_like(latents[:1]), latents])

    # --- files ---

    def _read_source(self) -> Picture:
        return read_picture(self._file(self.order.recipe.source)).picture

    def _file(self, sha256: str) -> bytes:
        try:
            return self.order.files[sha256].read_bytes()
        except (KeyError, OSError) as error:
            raise GenerationFailed("The source picture is no longer there. Choose it again.") from error


def _in_cells(picture: Picture) -> Picture:
    """A picture whose sides are whole latent cells, stretched by less than one if need be."""
    sides = (
        max(round(side / SIZE_MULTIPLE_PX), 1) * SIZE_MULTIPLE_PX for side in (picture.width_px, picture.height_px)
    )
    width_px, height_px = sides
    return resized(picture, width_px, height_px, ResizeMode.STRETCH)
