"""What a pass leaves alone, step by step."""

from __future__ import annotations

import torch

from studio.engine.passes import Masked

KEPT = torch.zeros(4, 2, 2)
DENOISED = torch.ones(4, 2, 2)
WEIGHT = torch.tensor([[[1.0, 0.0], [0.25, 0.75]]])


def test_outside_the_mask_every_answer_is_the_source() -> None:
    hard = Masked((WEIGHT > 0.5).float(), KEPT)
    blended = hard.blended(DENOISED, 0.0)
    assert blended[0].tolist() == [[1, 0], [0, 1]]
    both = hard.blended(torch.stack((DENOISED, DENOISED * 2)), 0.5)
    assert both[:, 3].tolist() == [[[1, 0], [0, 1]], [[2, 0], [0, 2]]]


def test_a_soft_mask_lets_a_cell_go_for_its_share_of_the_steps() -> None:
    soft = Masked(WEIGHT, KEPT, is_soft=True)
    assert soft.blended(DENOISED, 0.0)[0].tolist() == [[1, 0], [0, 0]]
    assert soft.blended(DENOISED, 0.5)[0].tolist() == [[1, 0], [0, 1]]
    assert soft.blended(DENOISED, 0.8)[0].tolist() == [[1, 0], [1, 1]]
