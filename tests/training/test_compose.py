"""Composition against closed forms."""

from __future__ import annotations

import torch

from studio.training.compose import SIZE_PX, Placement, over, palette, place


def test_over_mixes_by_alpha() -> None:
    layer = torch.tensor([0.25, 0.0, 0.5, 0.5]).reshape(1, 4, 1, 1)
    mixed = over(layer, torch.tensor([[1.0, 0.5, 0.0]]))
    torch.testing.assert_close(mixed.flatten(), torch.tensor([0.75, 0.25, 0.5]))


def test_full_scale_leaves_the_artwork_as_it_is() -> None:
    art = torch.rand(2, 4, 128, 128, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(place(art, Placement(torch.ones(2), torch.zeros(2, 2))), art, rtol=0, atol=1e-4)


def test_a_shift_moves_right_and_down() -> None:
    art = torch.zeros(1, 4, 128, 128)
    art[:, :, 60:68, 60:68] = 1
    moved = place(art, Placement(torch.ones(1), torch.tensor([[0.25, 0.125]])))[0, 3]
    rows, columns = torch.where(moved > 0.5)
    # A shift counts half widths of 64 pixels.
    assert rows.float().mean().item() == 63.5 + 8
    assert columns.float().mean().item() == 63.5 + 16


def test_half_scale_covers_a_quarter() -> None:
    covered = place(torch.ones(1, 4, 128, 128), Placement(torch.tensor([0.5]), torch.zeros(1, 2)))[0, 3]
    assert abs(float(covered.mean()) - 0.25) < 0.01


def test_a_window_is_a_crop_of_the_whole() -> None:
    generator = torch.Generator().manual_seed(1)
    art = torch.rand(3, 4, 128, 128, generator=generator)
    placement = Placement.random(3, generator)
    window = torch.tensor([[0, 0], [10, 20], [64, 64]])
    whole, crops = place(art, placement), place(art, placement, 64, window)
    for picture, crop, (x, y) in zip(whole, crops, window.tolist(), strict=True):
        torch.testing.assert_close(picture[:, y : y + 64, x : x + 64], crop, rtol=0, atol=1e-4)


def test_every_placement_leaves_a_rim_of_background() -> None:
    generator = torch.Generator().manual_seed(2)
    layer = place(torch.ones(200, 4, 128, 128), Placement.random(200, generator))
    rim = torch.ones(SIZE_PX, SIZE_PX, dtype=torch.bool)
    rim[4:-4, 4:-4] = False
    assert float(layer[:, 3][:, rim].max()) == 0.0


def test_colours_are_told_apart() -> None:
    distances = torch.cdist(palette(), palette()) + 10 * torch.eye(12)
    assert float(distances.min()) > 0.2
