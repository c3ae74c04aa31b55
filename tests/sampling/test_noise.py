"""The noise of a picture: its own, the same everywhere, and mixed as A1111 mixes it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio.recipe.model import Emphasis, Mode, NoiseDevice, ResolvedRecipe
from studio.sampling.noise import PictureNoise, pasted, slerp

SHAPE = (4, 8, 10)


def cpu(seed: int, shape: tuple[int, ...] = SHAPE) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_first_noise_is_torchs_own_for_that_seed() -> None:
    assert PictureNoise(123, SHAPE).initial().equal(cpu(123))
    # The first values of torch.manual_seed(0); torch.randn(4) on a CPU, below 16 numbers, known from PyTorch's own
    # docs.
    known = torch.tensor([1.5410, -0.2934, -2.1788, 0.5684])
    torch.testing.assert_close(PictureNoise(0, (1, 1, 4)).initial().flatten(), known, rtol=0, atol=5.1e-5)


def test_philox_noise_is_cudas() -> None:
    noise = PictureNoise(0, (1, 2, 2), device=NoiseDevice.PHILOX)
    known = torch.tensor([-0.9247, -0.4253, -2.6438, 0.1452])
    torch.testing.assert_close(noise.initial().flatten(), known, rtol=0, atol=5.1e-5)


@pytest.mark.parametrize("device", NoiseDevice)
@pytest.mark.parametrize("interval", [False, True])
def test_noise_is_the_same_again_whatever_else_is_drawn(device: NoiseDevice, interval: bool) -> None:
    def drawn() -> list[torch.Tensor]:
        noise = PictureNoise(9, SHAPE, device=device, interval=interval)
        torch.randn(17)
        return [noise.initial(), noise.step(5.0, 3.0), noise.initial(), noise.step(3.0, 1.0)]

    before = torch.random.get_rng_state()
    first = drawn()
    torch.manual_seed(99)
    second = drawn()
    assert all(one.equal(other) for one, other in zip(first, second, strict=True))
    torch.random.set_rng_state(before)
    assert first[0].equal(first[2])
    assert all(draw.shape == SHAPE and draw.dtype == torch.float32 for draw in first)


def test_global_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    noise = PictureNoise(9, SHAPE, variation_seed=1, variation_strength=0.5, interval=True)
    noise.initial(), noise.step(2.0, 1.0)
    assert torch.random.get_rng_state().equal(before)


@pytest.mark.parametrize("device", NoiseDevice)
def test_later_noise_goes_on_where_the_first_ended(device: NoiseDevice) -> None:
    noise = PictureNoise(3, SHAPE, device=device)
    draws = [noise.initial(), noise.step(5.0, 4.0), noise.step(4.0, 3.0)]
    assert torch.stack(draws).flatten(1).corrcoef().fill_diagonal_(0).abs().max() < 0.25
    if device is NoiseDevice.CPU:
        generator = torch.Generator().manual_seed(3)
        assert all(draw.equal(torch.randn(SHAPE, generator=generator)) for draw in draws)


def test_eta_noise_seed_delta_moves_later_noise_only() -> None:
    noise = PictureNoise(3, SHAPE, eta_noise_seed_delta=31337)
    assert noise.initial().equal(cpu(3))
    assert noise.step(5.0, 4.0).equal(cpu(3 + 31337))


def test_variation_runs_from_one_seed_to_the_other() -> None:
    def mixed(strength: float) -> torch.Tensor:
        return PictureNoise(1, SHAPE, variation_seed=2, variation_strength=strength).initial()

    assert mixed(0).equal(cpu(1))
    torch.testing.assert_close(mixed(1), cpu(2))
    away = [float((mixed(strength) - cpu(1)).norm()) for strength in (0, 0.1, 0.3, 0.6, 1)]
    assert away == sorted(away) and away[1] > 0
    # Halfway along the arc both weigh the same, and the length stays that of the ends.
    half = mixed(0.5)
    assert float(half.norm()) == pytest.approx(float((cpu(1).norm() + cpu(2).norm()) / 2), rel=0.02)


def test_variation_of_the_same_seed_is_itself() -> None:
    same = PictureNoise(5, SHAPE, variation_seed=5, variation_strength=0.4).initial()
    torch.testing.assert_close(same, cpu(5))


def test_slerp_of_known_angles() -> None:
    east, north = torch.tensor([[[1.0], [0.0]]]), torch.tensor([[[0.0], [2.0]]])
    root = 0.5**0.5
    torch.testing.assert_close(slerp(east, north, 0.5), torch.tensor([[[root], [2 * root]]]))
    torch.testing.assert_close(slerp(east, north, 1 / 3), torch.tensor([[[0.75**0.5], [2 * 0.5]]]))


@given(st.integers(0, 2**32), st.floats(0, 1))
def test_slerp_keeps_the_length_of_columns_of_one_length(seed: int, share: float) -> None:
    start, end = (torch.nn.functional.normalize(cpu(seed + i, (2, 6, 3)), dim=1) for i in (0, 1))
    torch.testing.assert_close(slerp(start, end, share).norm(dim=1), torch.ones(2, 3), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("size", [(6, 6), (8, 10), (12, 14), (4, 16), (7, 9)])
def test_seed_resize_lays_the_other_noise_over_the_middle(size: tuple[int, int]) -> None:
    height, width = size
    noise = PictureNoise(8, SHAPE, seed_resize=size).initial()
    other = cpu(8, (4, height, width))
    row, column = (8 - height) // 2, (10 - width) // 2
    for y in range(8):
        for x in range(10):
            inside = 0 <= y - row < height and 0 <= x - column < width
            expected = other[:, y - row, x - column] if inside else cpu(8)[:, y, x]
            assert noise[:, y, x].equal(expected)


def test_pasted_leaves_its_arguments_alone() -> None:
    inner, full = torch.ones(1, 2, 2), torch.zeros(1, 4, 4)
    assert float(pasted(inner, full).sum()) == 4
    assert float(full.sum()) == 0


def recipe(**fields: Any) -> ResolvedRecipe:
    values: dict[str, Any] = {
        "mode": Mode.TEXT, "prompt": "", "negative_prompt": "", "checkpoint": "c", "checkpoint_sha256": "0" * 64,
        "family": "sd1", "sampler": "Euler a", "schedule": "karras", "steps": 5, "guidance_scale": 7.0, "seed": 77,
        "variation_seed": 0, "variation_strength": 0.0, "seed_resize_width_px": 0, "seed_resize_height_px": 0,
        "width_px": 80, "height_px": 64, "clip_skip": 1, "eta": 1.0, "eta_noise_seed_delta": 0,
        "emphasis": Emphasis.ORIGINAL, "noise": NoiseDevice.CPU, "exact": False,
    }  # fmt: skip
    return ResolvedRecipe(**{**values, **fields})


def test_a_recipe_says_all_its_noise() -> None:
    assert PictureNoise.for_recipe(recipe()).initial().equal(cpu(77))
    varied = PictureNoise.for_recipe(recipe(variation_seed=5, variation_strength=0.2))
    assert varied.initial().equal(slerp(cpu(77), cpu(5), 0.2))
    resized = PictureNoise.for_recipe(recipe(seed_resize_width_px=96, seed_resize_height_px=48))
    assert resized.initial().equal(pasted(cpu(77, (4, 6, 12)), cpu(77)))
    shifted = PictureNoise.for_recipe(recipe(eta_noise_seed_delta=2))
    assert shifted.step(2.0, 1.0).equal(cpu(79))
    philox = PictureNoise.for_recipe(recipe(noise=NoiseDevice.PHILOX))
    assert not philox.initial().equal(cpu(77))


def test_sde_samplers_get_one_path_and_the_others_one_draw_after_another() -> None:
    path, draws = (PictureNoise.for_recipe(recipe(sampler=name)) for name in ("DPM++ SDE", "Euler a"))
    assert path.step(5.0, 2.0).equal(path.step(5.0, 2.0))
    assert not draws.step(5.0, 2.0).equal(draws.step(5.0, 2.0))
