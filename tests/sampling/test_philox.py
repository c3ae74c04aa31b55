"""Philox against numbers that GPUs printed, and against the published vectors of its authors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from studio.sampling.philox import PhiloxGenerator, philox_4x32

# torch.manual_seed(0); torch.randn(8, 8, device="cuda"), as printed by PyTorch 2.2 on a GPU.
CUDA_SEED_0 = """
-0.9247 -0.4253 -2.6438  0.1452 -0.1209 -0.5797 -0.6229 -0.3284
-1.0745 -0.3631 -1.6711  2.2655  0.3117 -0.1842  1.2866  1.1820
-0.1271  1.2169  1.4353  1.0605 -0.4941 -1.4244 -0.7244 -1.2973
 0.0697 -0.0074  1.8969  0.6878 -0.0779 -0.8373  1.3506 -0.2879
-0.5965 -0.3283 -0.9086 -0.8059 -0.7407 -0.0504  0.5435  1.5150
 0.0141  0.4532  1.6349  0.7124 -0.1806  1.0252 -1.4622 -0.7554
-0.1836  0.3824  0.3918 -0.0830  0.8971 -1.1123  0.1116  0.4863
-0.5499 -0.3231 -0.5469  0.9049  0.2837  0.1210  0.4730 -1.0823
"""

# Four draws of four after torch.manual_seed(42) on a GPU.
CUDA_SEED_42 = [
    [0.1940, 2.1614, -0.1721, 0.8491],
    [0.1391, -0.1082, -0.7174, 0.7566],
    [-0.5187, 1.2268, 0.6255, -0.9117],
    [-0.6974, -1.8688, -0.8832, -1.6627],
]


def test_one_draw_is_cudas() -> None:
    printed = torch.tensor([float(word) for word in CUDA_SEED_0.split()]).reshape(8, 8)
    torch.testing.assert_close(PhiloxGenerator(0).randn((8, 8)), printed, rtol=0, atol=5.1e-5)


def test_draws_follow_each_other_as_cudas_do() -> None:
    generator = PhiloxGenerator(42)
    for printed in CUDA_SEED_42:
        torch.testing.assert_close(generator.randn((4,)), torch.tensor(printed), rtol=0, atol=5.1e-5)


def test_far_elements_are_cudas() -> None:
    # PyTorch issue 158398: torch.randn([1, 64, 2048]) with seed 42 on a GPU, ends of the first three rows.
    rows = PhiloxGenerator(42).randn((1, 64, 2048))[0, :3, -3:]
    printed = [[1.4540, -2.7733, -0.8932], [0.1124, 0.2769, -1.2535], [-1.0001, -1.1552, -0.6955]]
    torch.testing.assert_close(rows, torch.tensor(printed), rtol=0, atol=5.1e-5)


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        # Random123 1.x, tests/kat_vectors: philox4x32 10.
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_known_answers_of_its_authors(counter: tuple[int, ...], key: tuple[int, int], answer: tuple[int, ...]) -> None:
    words = philox_4x32([np.array([word], dtype=np.uint64) for word in counter], key)
    assert tuple(int(word[0]) for word in words) == answer


def test_seeds_of_64_bits_are_told_apart() -> None:
    draws = [PhiloxGenerator(seed).randn((16,)) for seed in (0, 1, 2**32, 2**40 + 1)]
    assert len({tuple(draw.tolist()) for draw in draws}) == 4


def test_many_numbers_are_unit_normal() -> None:
    draw = PhiloxGenerator(7).randn((4, 128, 128)).double()
    assert draw.mean().abs() < 0.016 and (draw.var() - 1).abs() < 0.022
    assert (torch.special.ndtr(draw.flatten()).sort().values - torch.linspace(0, 1, draw.numel())).abs().max() < 0.0076
