"""The judge itself: it names what is there, and does not name what is not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from studio.training.autoencoder import Look
from studio.training.compose import Placement, over, palette, place
from studio.training.features import ArtworkIndex, background_of, nearest_colour, picture_features
from studio.training.looks import ink, night
from studio.training.subjects import COLOURS


@pytest.fixture(scope="module")
def art() -> Tensor:
    """Eight made-up subjects in two styles: smooth random blobs, premultiplied."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(16, 4, 6, 6, generator=generator)
    layers = torch.nn.functional.interpolate(coarse, (128, 128), mode="bicubic").clamp(0, 1)
    layers[:, 3] = (layers[:, 3] > 0.4).float()
    layers[:, :3] *= layers[:, 3:]
    return layers.reshape(8, 2, 4, 128, 128)


def composed(art: Tensor, seed: int, colour: int) -> Tensor:
    flat = art.reshape(-1, 4, 128, 128)
    layer = place(flat, Placement.random(len(flat), torch.Generator().manual_seed(seed)))
    return over(layer, palette()[colour].expand(len(flat), 3))


@pytest.mark.parametrize("colour", [0, 5, 11])
def test_artwork_is_named_wherever_it_lies(art: Tensor, colour: int) -> None:
    match = ArtworkIndex(art).match(composed(art, 3, colour))
    assert match.ranking[:, 0].tolist() == [index // 2 for index in range(16)]
    assert match.style.tolist() == [0, 1] * 8


@pytest.mark.parametrize("look", [night, ink])
def test_restyled_artwork_is_named_too(art: Tensor, look: Look) -> None:
    match = ArtworkIndex(art, look).match(look(composed(art, 3, 11)))
    assert match.ranking[:, 0].tolist() == [index // 2 for index in range(16)]
    assert nearest_colour(background_of(look(composed(art, 3, 11))), look).tolist() == [11] * 16


def test_noise_and_flat_colour_are_named_by_chance_at_most(art: Tensor) -> None:
    noise = torch.rand(16, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    hits = ArtworkIndex(art).match(noise).ranking[:, 0] == torch.arange(16) // 2
    assert int(hits.sum()) <= 6


def test_the_ranking_holds_every_subject_once(art: Tensor) -> None:
    ranking = ArtworkIndex(art).match(composed(art, 1, 4)).ranking
    assert torch.equal(ranking.sort(dim=1).values, torch.arange(8).expand(16, 8))


@pytest.mark.parametrize("index", range(len(COLOURS)))
def test_the_background_is_read_off_the_rim(art: Tensor, index: int) -> None:
    pictures = composed(art, 5, index)
    torch.testing.assert_close(background_of(pictures), palette()[index].expand(16, 3), rtol=0, atol=1e-5)
    assert nearest_colour(background_of(pictures)).tolist() == [index] * 16


def test_features_have_no_background_left() -> None:
    features, colours = picture_features(torch.full((1, 3, 128, 128), 0.3))
    assert float(features.abs().max()) < 1e-6
    torch.testing.assert_close(colours, torch.full((1, 3), 0.3))
