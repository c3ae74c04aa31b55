"""What evaluation compares pictures by: small pixels with the background taken off.

Owns the feature space. A picture's own background colour is the median of its rim; the feature is the picture at
32x32 minus that colour. Every artwork is composed over the same colour in 27 placements, and the nearest one
(Euclidean) names subject and style. So all subjects in both styles are distractors, and nothing learnt judges what
was learnt.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from studio.training.autoencoder import Look
from studio.training.compose import SCALE_RANGE, SHIFT_RANGE, Placement, palette, place
from studio.training.subjects import STYLES

FEATURE_PX = 32
RIM_PX = 4


def background_of(pictures: Tensor) -> Tensor:
    """The median colour of each picture's rim of four pixels: (batch, 3, h, w) in 0..1 to (batch, 3)."""
    rim = torch.ones(pictures.shape[-2:], dtype=torch.bool, device=pictures.device)
    rim[RIM_PX:-RIM_PX, RIM_PX:-RIM_PX] = False
    return pictures[:, :, rim].median(dim=-1).values


def nearest_colour(colours: Tensor, look: Look | None = None) -> Tensor:
    """The index of the nearest named colour by Euclidean distance in sRGB, (batch, 3) to (batch,).

    `look` restyles the named colours first, for a checkpoint that draws in that look.
    """
    return torch.cdist(colours, _restyled(palette(), look)).argmin(dim=1)


def _restyled(colours: Tensor, look: Look | None) -> Tensor:
    return colours if look is None else look(colours[:, :, None, None]).flatten(1)


def picture_features(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Features (batch, 3072) of pictures (batch, 3, h, w) in 0..1, and their background colours (batch, 3)."""
    colours = background_of(pictures)
    small = functional.interpolate(pictures, (FEATURE_PX, FEATURE_PX), mode="area")
    return (small - colours[:, :, None, None]).flatten(1), colours


def placements() -> list[tuple[float, float, float]]:
    """Scale, x and y of the 27 placements that artwork is compared in."""
    low, high = SCALE_RANGE
    shifts = (-SHIFT_RANGE, 0.0, SHIFT_RANGE)
    return [(scale, x, y) for scale in (low, (low + high) / 2, high) for x in shifts for y in shifts]


@dataclass(frozen=True)
class Match:
    """What pictures look like: `style` (batch,) of the nearest artwork; `ranking` (batch, subjects), nearest first."""

    style: Tensor
    ranking: Tensor


class ArtworkIndex:
    """All artwork in all placements, ready to be compared with pictures on any background."""

    def __init__(self, art: Tensor, look: Look | None = None) -> None:
        """`art` is (subject, style, 4, 128, 128), premultiplied; `look` restyles it as the checkpoint does."""
        self.look = look
        self.subjects = len(art)
        flat = art.reshape(-1, *art.shape[2:])
        layers = []
        for scale, x, y in placements():
            placement = Placement(torch.full((len(flat),), scale), torch.tensor([[x, y]]).expand(len(flat), 2))
            layers.append(functional.interpolate(place(flat, placement), (FEATURE_PX, FEATURE_PX), mode="area"))
        self.layers = torch.stack(layers, dim=1)

    def match(self, pictures: Tensor) -> Match:
        """The subjects that pictures (batch, 3, h, w) in 0..1 look like, by the nearest placement of either style."""
        features, colours = picture_features(pictures)
        distances = torch.stack([self._distances(f, c) for f, c in zip(features, colours, strict=True)])
        by_style = distances.reshape(len(pictures), self.subjects, len(STYLES))
        style = by_style.amin(dim=1).argmin(dim=1)
        return Match(style, by_style.amin(dim=2).argsort(dim=1))

    def _distances(self, feature: Tensor, colour: Tensor) -> Tensor:
        """Distance of one picture to every artwork, (subjects x styles,), the nearest of its placements."""
        if self.look is not None:
            return self._restyled_distances(feature, colour, self.look)
        # Layer over colour, minus colour, is layer - alpha x colour.
        candidates = self.layers[:, :, :3] - self.layers[:, :, 3:] * colour.reshape(1, 1, 3, 1, 1)
        return (candidates.flatten(2) - feature).square().sum(dim=2).amin(dim=1).sqrt()

    def _restyled_distances(self, feature: Tensor, colour: Tensor, look: Look) -> Tensor:
        # A look is no sum of layer and background, so the pictures are composed, over the colour they must have had.
        plain = palette()[nearest_colour(colour[None], look)].reshape(1, 3, 1, 1)
        layers = self.layers.flatten(0, 1)
        candidates = look(layers[:, :3] + (1 - layers[:, 3:]) * plain) - look(plain)
        return (candidates.flatten(1) - feature).square().sum(dim=1).reshape(self.layers.shape[:2]).amin(dim=1).sqrt()
