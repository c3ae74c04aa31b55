"""Inpainting's two seams: what the network sees of a source and its mask, and the painted part back in its place.

Whatever lies farther from the mask than its blur reaches keeps its bytes, at any size: only the painted part is scaled
back, and only under the blurred mask is it blended. The cost of only-masked inpainting follows the part it looks at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from studio.pictures.colour_correction import colour_corrected
from studio.pictures.infill import opaque
from studio.pictures.mask import PAINTED, WHITE
from studio.pictures.paint_mask import PaintMask, canvas, paint_mask
from studio.pictures.picture import OPAQUE, Bytes, Floats, Picture
from studio.pictures.region import Region, masked_region
from studio.pictures.sizes import edges_drawn_out, fitting_size, resized
from studio.recipe.limits import SIZE_MULTIPLE_PX as CELL_PX
from studio.recipe.model import ResolvedRecipe
from studio.recipe.source import InpaintArea, MaskedContent, ResizeMode

HALF_CHANGE = 0.1
"""Soft inpainting: a cell whose colours moved by this share of their range counts as half changed."""

_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class _View:
    """Which ``region`` of the picture the network sees, and where in its ``frame`` (width, height) that lies: all of
    it, or ``inner`` where the picture has too little room for the frame's aspect.
    """

    region: Region
    frame: tuple[int, int]
    inner: Region

    @classmethod
    def of(cls, region: Region, frame: tuple[int, int], *, keep_aspect: bool) -> _View:
        width_px, height_px = frame
        off_by = abs(region.width_px * height_px - region.height_px * width_px)
        if not keep_aspect or off_by <= max(frame):  # less than a pixel of the region: whole pixels have no better
            return cls(region, frame, Region(0, 0, width_px, height_px))
        inner_width_px, inner_height_px = fitting_size(region.width_px, region.height_px, width_px, height_px)
        left, top = (width_px - inner_width_px) // 2, (height_px - inner_height_px) // 2
        return cls(region, frame, Region(left, top, left + inner_width_px, top + inner_height_px))

    def inside(self, part: Region) -> Region:
        """A region of the picture counted from the corner of the view's."""
        return part.counted_from(self.region.left, self.region.top)

    def framed(self, values: Bytes) -> Bytes:
        """(inner height, inner width[, channels]) with its edges drawn out into the frame."""
        right, bottom = self.frame[0] - self.inner.right, self.frame[1] - self.inner.bottom
        return edges_drawn_out(values, self.inner.left, right, self.inner.top, bottom)

    def scaled_back(self, values: NDArray[Any], part: Region, filter_: Pillow.Resampling) -> NDArray[Any]:
        """Of values over the frame, in any resolution, what lies over ``part`` of the picture, at the part's size."""
        scale_x, scale_y = values.shape[1] / self.frame[0], values.shape[0] / self.frame[1]
        x, y = self.inner.width_px / self.region.width_px, self.inner.height_px / self.region.height_px
        seen = self.inside(part)
        box = (
            (self.inner.left + seen.left * x) * scale_x,
            (self.inner.top + seen.top * y) * scale_y,
            min((self.inner.left + seen.right * x) * scale_x, values.shape[1]),
            min((self.inner.top + seen.bottom * y) * scale_y, values.shape[0]),
        )
        return np.asarray(Pillow.fromarray(values).resize((part.width_px, part.height_px), filter_, box=box))


@dataclass(frozen=True, eq=False)
class Inpainting:
    """A source on its way through the network. Height and width are the recipe's unless said otherwise.

    ``source`` is the picture to paint on, at its own size, with the room to outpaint. ``working`` is what the network
    starts from, (height, width, 3) uint8, its holes filled where the recipe says so; ``original`` the same unfilled.
    ``mask`` (height, width) float32 is 1 where to paint, blurred; ``latent_mask`` (height / 8, width / 8) float32 is 1
    in every latent cell that the unblurred mask touches, or the mean of ``mask`` in soft inpainting.
    """

    source: Picture
    working: Bytes
    original: Bytes
    mask: Floats
    latent_mask: Floats
    is_soft: bool
    keeps_alpha: bool
    _view: _View
    _paint: PaintMask

    @classmethod
    def of(cls, source: Picture, mask: Bytes | None, recipe: ResolvedRecipe) -> Inpainting:
        """An inpainting of ``source`` under ``mask``, (height, width) uint8, 255 where to paint, as the recipe says.

        Raises:
            InvalidField: the mask does not fit the source, or nothing is to be painted.
        """
        picture, wanted = canvas(source, mask, recipe)
        paint = paint_mask(wanted, recipe)
        view = _view_of(picture, paint, recipe)
        original = _seen(picture, view, None)
        weight = _over_frame(paint.weight, paint, view)
        touched = _over_frame(paint.painted, paint, view)
        return cls(
            source=picture,
            working=_seen(picture, view, paint) if recipe.masked_content is MaskedContent.FILL else original,
            original=original,
            mask=_share(weight),
            latent_mask=_latent_mask(weight, touched, is_soft=recipe.soft_inpainting),
            is_soft=recipe.soft_inpainting,
            keeps_alpha=source.alpha is not None,
            _view=view,
            _paint=paint,
        )

    def colour_corrected(self, rgb: Bytes) -> Bytes:
        """A painted ``rgb`` (height, width, 3) with its colours moved to where those outside the mask belong."""
        return colour_corrected(rgb, self.original, 1 - self.mask)

    def pasted(self, rgb: Bytes) -> Picture:
        """The source with the painted ``rgb``, (height, width, 3) uint8, in its place under the blurred mask.

        Where nothing or little was, the painted colours count in full, and what is painted becomes opaque.
        """
        part = self._paint.region
        painted = self._painted_part(rgb)
        weight = _share(self._paint.weight)
        if self.is_soft:
            weight = weight ** self._sharpening(rgb)
        answer_rgb = self.source.rgb.copy()
        answer_alpha = None if self.source.alpha is None else self.source.alpha.copy()
        for top in range(0, part.height_px, _ROWS_AT_ONCE):
            rows = slice(top, top + _ROWS_AT_ONCE)
            band = (slice(part.top + top, min(part.top + top + _ROWS_AT_ONCE, part.bottom)), part.place[1])
            alpha = None if answer_alpha is None else answer_alpha[band]
            answer_rgb[band] = _blended(answer_rgb[band], painted[rows], weight[rows], alpha)
            if answer_alpha is not None:
                answer_alpha[band] = _covered(answer_alpha[band], self._paint.painted[rows], weight[rows])
        if answer_alpha is not None and not self.keeps_alpha and answer_alpha.min() == OPAQUE:
            answer_alpha = None
        return Picture(answer_rgb, answer_alpha)

    def _painted_part(self, rgb: Bytes) -> Bytes:
        part, view = self._paint.region, self._view
        if (view.region.width_px, view.region.height_px) == (view.inner.width_px, view.inner.height_px):
            return rgb[view.inner.place][view.inside(part).place]
        return view.scaled_back(rgb, part, Pillow.Resampling.LANCZOS)

    def _sharpening(self, rgb: Bytes) -> Floats:
        """Soft inpainting's exponent of the weight, over the painted part.

        With d the mean change of a latent cell's colours (0..1), c = d / (d + `HALF_CHANGE`) says how much it changed
        and 4 ** (1 - 2c) is the exponent: 4 where nothing did, so the source shows through almost to the middle of the
        mask, 1/4 where all did, so that a new thing is not see-through at its rim. 0 and 1 stay what they are.
        """
        change = np.abs(rgb.astype(np.float32) - self.original).mean(axis=2) / np.float32(255)
        by_cell = _cells(change).mean(axis=(1, 3))
        exponent = 4 ** (1 - 2 * by_cell / (by_cell + np.float32(HALF_CHANGE)))
        return self._view.scaled_back(exponent, self._paint.region, Pillow.Resampling.BILINEAR)


def _view_of(picture: Picture, paint: PaintMask, recipe: ResolvedRecipe) -> _View:
    frame = (recipe.width_px, recipe.height_px)
    size = (picture.width_px, picture.height_px)
    if recipe.inpaint_area is InpaintArea.WHOLE:
        return _View.of(Region(0, 0, *size), frame, keep_aspect=False)
    return _View.of(masked_region(paint.region, recipe.masked_padding_px, frame, size), frame, keep_aspect=True)


def _seen(picture: Picture, view: _View, holes: PaintMask | None) -> Bytes:
    """The view over its frame, (height, width, 3) uint8: what is transparent, or painted in ``holes``, takes the
    colours around it, and lends them none.
    """
    part = picture.cut(view.region)
    if holes is not None:
        known = np.full(part.rgb.shape[:2], OPAQUE, np.uint8) if part.alpha is None else part.alpha.copy()
        known[view.inside(holes.region).place][holes.painted >= PAINTED] = 0
        part = Picture(part.rgb, known)
    return view.framed(opaque(resized(part, view.inner.width_px, view.inner.height_px, ResizeMode.STRETCH)))


def _over_frame(values: Bytes, paint: PaintMask, view: _View) -> Bytes:
    """``values`` over the part that is painted, as (height, width) uint8 over the frame; averaged where it shrinks."""
    over_region = np.zeros((view.region.height_px, view.region.width_px), np.uint8)
    over_region[view.inside(paint.region).place] = values
    size = (view.inner.width_px, view.inner.height_px)
    return view.framed(np.asarray(Pillow.fromarray(over_region).resize(size, Pillow.Resampling.BILINEAR)))


def _latent_mask(weight: Bytes, touched: Bytes, *, is_soft: bool) -> Floats:
    if is_soft:
        return np.asarray(_cells(_share(weight)).mean(axis=(1, 3)))
    return np.asarray(_cells(touched).max(axis=(1, 3)) > 0, np.float32)


def _share(values: Bytes) -> Floats:
    """0..255 as 0..1."""
    return values.astype(np.float32) / np.float32(WHITE)


def _cells(values: NDArray[Any]) -> NDArray[Any]:
    """(height, width) as (height / 8, 8, width / 8, 8): the pixels of each latent cell."""
    height_px, width_px = values.shape
    return values.reshape(height_px // CELL_PX, CELL_PX, width_px // CELL_PX, CELL_PX)


def _blended(source: Bytes, painted: Bytes, weight: Floats, alpha: Bytes | None) -> Bytes:
    """Painted over source by weight. A source that is see-through counts less: by its share of what can be seen."""
    share = weight
    if alpha is not None:
        shown = weight + (1 - weight) * (_share(alpha))
        share = np.divide(weight, shown, out=np.zeros_like(weight), where=shown > 0)
    base = source.astype(np.float32)
    return (base + (painted - base) * share[..., None] + np.float32(0.5)).astype(np.uint8)


def _covered(alpha: Bytes, painted: Bytes, weight: Floats) -> Bytes:
    """Opaque where the mask is white, and less and less so along its blur, from one half on down."""
    cover = np.where(painted >= PAINTED, np.float32(1), np.minimum(2 * weight, 1))
    base = alpha.astype(np.float32)
    return (base + (OPAQUE - base) * cover + np.float32(0.5)).astype(np.uint8)
